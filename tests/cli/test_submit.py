from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.boards.some_repository import needs_git_and_openssl, serve, some_repository
from tests.boards.test_submission import CLEAN, OURS
from tests.cli.conftest import Done
from tests.records.some_records import some_predictions, write_success
from tta_bench.records.schema import Plugin

Command = Callable[..., Done]


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    folder = tmp_path / "leaderboards"
    (folder / "published").mkdir(parents=True)
    return folder


def run(folder: Path, day: int) -> Path:
    finished = f"2026-11-{day}T11:00:00Z"
    return write_success(folder, some_predictions(salt=str(day)), identity=OURS, environment=CLEAN, finished=finished)


def test_a_newer_run_replaces_its_own_and_another_partys_stands_beside(
    boards: Path, tmp_path: Path, command: Command
) -> None:
    first, second = run(tmp_path / "a", 21), run(tmp_path / "b", 22)
    done = command("submit", first, "--boards", boards)
    assert (done.code, "replaced" in done.out) == (0, False)
    assert str(boards / "ucf101_ft.md") in done.out
    done = command("submit", second, "--boards", boards)
    assert f"replaced: {first.stem} by {second.stem}" in done.out
    assert command("submit", first, "--boards", boards).code == 2
    assert command("submit", first, "--boards", boards, "--party", "other-lab").code == 0
    assert "videomaev2_vit_b (other-lab)" in (boards / "ucf101_ft.md").read_text()
    assert command("submit", first, "--boards", boards, "--party", "../x").code == 2
    assert command("leaderboard", "--boards", boards, "--check").code == 0


def test_it_prints_the_row_the_commands_and_a_text(boards: Path, tmp_path: Path, command: Command) -> None:
    done = command("submit", run(tmp_path / "a", 21), "--boards", boards)
    assert "Not standard: videomaev2_vit_b: its figures rest on no more than: arithmetic" in done.out
    for part in ("git switch -c ", "git commit -m ", "git push -u origin "):
        assert part in done.out
    assert f"git add {boards}" in done.out
    assert "Records of `videomaev2_vit_b` under `ucf101_ft`" in done.out
    assert "; arithmetic" in done.out


@needs_git_and_openssl
def test_code_that_cannot_be_got_is_said_to_be_not_seen_to_be_public(
    boards: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = Plugin(name="my_net.py", version=None, sha256="a" * 64)
    environment = CLEAN.model_copy(update={"plugins": (plugin,)})
    path = write_success(tmp_path / "a", some_predictions(), identity=OURS, environment=environment)
    commit = some_repository(tmp_path)
    with serve(tmp_path, monkeypatch) as address:
        for place, at, reason in (
            ("net.git", commit, None),
            ("net.git", "b" * 40, "it has no such commit"),
        ):
            done = command("submit", path, "--boards", boards, "--code", f"{address}/{place}@{at}")
            assert done.code == 0, done.err
            line = f"the code of its plug-ins was not seen to be public: {address}/{place}: {reason}"
            assert (line in done.err.splitlines()) == (reason is not None)
            text = f"(my_net.py): {address}/{place} at {at}. "
            assert (
                text + (f"Not seen to be public: {reason}." if reason else "The commit was got from there.") in done.out
            )
    done = command("submit", path, "--boards", boards)
    assert "say --code ADDRESS@COMMIT if it is" in done.err
    done = command("submit", path, "--boards", boards, "--code", f"https://ann:secret@example.org/net@{commit}")
    assert (done.code, "has a login in it" in done.err, "secret" in done.err) == (2, True, False)


def test_a_record_must_be_named(boards: Path, command: Command) -> None:
    assert "no record was named" in command("submit", "labels=x.csv", "--boards", boards).err


def test_a_record_that_is_gone_is_named(boards: Path, tmp_path: Path, command: Command) -> None:
    command("submit", run(tmp_path / "a", 21), "--boards", boards)
    before = tmp_path / "before"
    boards.rename(before)
    (boards / "records").mkdir(parents=True)
    write_success(boards / "records", some_predictions(), environment=CLEAN)
    done = command("verify", boards / "records", "--since", before)
    assert (done.code, "is gone, and replaced.yaml does not say" in done.out) == (1, True)
    assert command("verify", before / "records", "--since", before).code == 0
