from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tta_bench.errors import UserError
from tta_bench.utils.files import (
    FORGOTTEN_SECONDS,
    atomic_file,
    is_there,
    require_folder,
    require_writable,
    sha256_of,
    sweep,
    temporary_path,
    write_atomic,
)
from tta_bench.utils.processes import process_tag


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


GONE = f"{process_tag().split('-')[0]}-4194303-1"
"""Tag of a process of this machine that is not there: its number is the largest."""
ELSEWHERE = "00000000-17-5"


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    left = [tmp_path / f".a.json.{GONE}.0123abcd.tmp", tmp_path / f".sample.{GONE}.0123abcd.tmp"]
    below = tmp_path / "deep" / f".b.npy.{GONE}.0123abcd.tmp"
    old, young = (tmp_path / f".a.json.{ELSEWHERE}.{end}.tmp" for end in ("00000001", "00000002"))
    kept = [tmp_path / name for name in ("a.tmp", ".a.tmp", f".a.json.{GONE}.tmp", ".a.json.12.0123abcd.tmp")]
    kept += [temporary_path(tmp_path / "mine"), young]
    left[1].mkdir()
    (left[1] / "clip.avi").touch()
    for path in (left[0], below, old, *kept):
        path.touch()
    long_ago = time.time() - FORGOTTEN_SECONDS - 1
    os.utime(old, (long_ago, long_ago))
    sweep(tmp_path, tmp_path / "absent")
    assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / "deep"])
    assert below.exists()
    sweep(tmp_path, deep=True)
    assert not below.exists()


def test_a_file_of_a_process_that_was_killed_while_it_wrote_is_swept(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from tta_bench.utils.files import atomic_file\n"
        "with atomic_file(Path(sys.argv[1])) as file:\n    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "checkpoint.pt"], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    sweep(tmp_path)
    assert not list(tmp_path.iterdir())


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
