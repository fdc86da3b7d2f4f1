from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tta_bench.errors import UserError
from tta_bench.utils.files import atomic_file, is_there, require_folder, require_writable, sha256_of, write_atomic


@given(content=st.binary(max_size=50))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_bytes_are_there_and_their_digest_is_theirs(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "deep/down/file"
    write_atomic(path, content)
    assert path.read_bytes() == content
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()
    assert list(path.parent.iterdir()) == [path]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write_half() -> None:
        with atomic_file(path) as file:
            file.write(b"half")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_is_seen_only_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with atomic_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_folder_that_can_be_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    require_folder(tmp_path / "new/and/deep")
    require_writable(tmp_path / "new")
    for path in (tmp_path / "taken", tmp_path / "taken/runs", tmp_path / "dangling/runs"):
        with pytest.raises(UserError, match="is a file"):
            require_folder(path)
    for name in ("x" * 5000, "a\x00b"):
        with pytest.raises(UserError, match="can be no folder"):
            require_folder(tmp_path / name)
        assert not is_there(tmp_path / name)


def test_a_folder_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("os.access", lambda *_: False)  # root may write anywhere
        with pytest.raises(UserError, match="there is no permission to write in"):
            require_writable(tmp_path / "runs")


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_modes_follow_the_umask(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode
