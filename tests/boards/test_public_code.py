from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boards.some_repository import Repository, needs_git_and_openssl, serve, some_repository
from tta_bench.boards.public_code import require_no_login, why_not_public
from tta_bench.errors import UserError
from tta_bench.records.schema import PublicCode

pytestmark = needs_git_and_openssl


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """Address of a server with a repository, and a commit of it."""
    commit = some_repository(tmp_path)
    with serve(tmp_path, monkeypatch) as address:
        yield address, commit


def asked(address: str, commit: str, seconds: float = 10) -> str | None:
    return why_not_public(PublicCode(address=address, commit=commit), seconds)


def test_a_commit_that_anybody_can_get_is_public(served: tuple[str, str]) -> None:
    address, commit = served
    assert asked(f"{address}/net.git", commit) is None
    assert asked(f"{address}/moved", commit) is None


def test_what_does_not_give_the_commit_is_named(served: tuple[str, str]) -> None:
    address, commit = served
    assert asked(f"{address}/net.git", "a" * 40) == "it has no such commit"
    assert asked(f"{address}/none.git", commit) == "there is no repository"
    for place in ("moved-open", "moved-file"):
        assert asked(f"{address}/{place}", commit) == "it leads to an address that is not https"


def test_code_behind_a_login_is_not_public_though_the_user_has_one(
    served: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, commit = served
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    helper = "!f() { echo username=ann; echo password=secret; }; f"
    (tmp_path / ".gitconfig").write_text(f'[credential]\n\thelper = "{helper}"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    assert asked(f"{address}/private", commit) == "it asks for a login, or is not there"
    assert Repository.logins
    assert set(Repository.logins) == {None}


def test_a_server_that_hangs_or_refuses_is_left_soon(served: tuple[str, str]) -> None:
    address, commit = served
    began = time.monotonic()
    assert asked(f"{address}/hangs", commit, 0.7) == "it gave no answer within 0.7 s"
    assert time.monotonic() - began < 5
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        said = asked(f"https://127.0.0.1:{taken.getsockname()[1]}/net.git", commit)
    assert said is not None
    assert "127.0.0.1" in said


def test_without_network_or_git_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TTA_BENCH_OFFLINE", "1")
        assert "TTA_BENCH_OFFLINE is set" in str(asked("https://example.org/net", "a" * 40))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert asked("https://example.org/net", "a" * 40) == "there is no git on this machine to ask with"


@pytest.mark.parametrize("login", ["ann", "ann:secret"])
def test_a_login_in_an_address_is_refused_and_not_repeated(login: str) -> None:
    with pytest.raises(UserError, match="has a login in it") as caught:
        require_no_login(f"https://{login}@example.org/net")
    assert "secret" not in str(caught.value)
    assert caught.value.hint == "Say it without: https://example.org/net"
    require_no_login("https://example.org/@ann/net")
