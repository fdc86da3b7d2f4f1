from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from tests.data.clips import write_video
from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.media import local_copies
from tta_bench.data.media.local_copies import (
    cache_line,
    copy_all,
    manifest_of_copies,
    missing_copies,
    read_from,
    wanted_copies,
)
from tta_bench.data.media.manifest import Manifest, check_clips
from tta_bench.errors import UserError


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """Three clips, two of which are one content, and one that cannot be read."""
    folder = tmp_path / "far"
    folder.mkdir()
    made = [Clip(str(n), write_video(folder / f"{n}.avi", frames=3 + n % 2)) for n in range(3)]
    (folder / "3.mp4").write_bytes(b"no video")
    return [*made, Clip("3", folder / "3.mp4")]


@pytest.fixture
def manifest(clips: list[Clip], tmp_path: Path) -> Manifest:
    """The state of these clips."""
    return check_clips(clips, tmp_path / "found.json", workers=1)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_each_content_is_copied_once_and_read_from_there(
    clips: list[Clip], manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = tmp_path / "near"
    wanted = wanted_copies(clips[:3], manifest, near)
    copies = copy_all(wanted)
    assert copies["0"] == copies["2"] != copies["1"]
    assert files(near) == sorted({copies["0"], copies["1"]})
    local = read_from(clips[:3], copies)
    assert [clip.path.read_bytes() for clip in local] == [clip.path.read_bytes() for clip in clips[:3]]
    assert [clip.id for clip in local] == ["0", "1", "2"]
    manifest_of_copies(manifest, copies).require_unchanged(local)
    monkeypatch.setattr(local_copies, "_copy", None)  # the second time nothing is copied
    assert copy_all(wanted) == copies


@pytest.mark.parametrize("damage", [b"", b"cut short", b"x" * 100_000])
def test_a_copy_of_another_size_is_made_again(
    clips: list[Clip], manifest: Manifest, tmp_path: Path, damage: bytes
) -> None:
    wanted = wanted_copies(clips[:2], manifest, tmp_path / "near")
    copies = copy_all(wanted)
    copies["0"].write_bytes(damage)
    assert [copy.target for copy in missing_copies(wanted)] == [copies["0"]]
    copy_all(wanted)
    assert copies["0"].read_bytes() == clips[0].path.read_bytes()


@pytest.mark.parametrize("flip", [0, 200])
def test_a_clip_that_changed_since_it_was_decoded_is_not_copied(
    clips: list[Clip], manifest: Manifest, tmp_path: Path, flip: int
) -> None:
    content = bytearray(clips[1].path.read_bytes())
    content[flip] ^= 1
    clips[1].path.write_bytes(content)
    with pytest.raises(UserError, match="other bytes than when it was decoded"):
        copy_all(wanted_copies(clips[1:2], manifest, tmp_path / "near"))
    assert not files(tmp_path / "near")


def test_a_copy_that_changes_while_it_is_read_is_found(clips: list[Clip], manifest: Manifest, tmp_path: Path) -> None:
    copies = copy_all(wanted_copies(clips[:1], manifest, tmp_path / "near"))
    state, local = manifest_of_copies(manifest, copies), read_from(clips[:1], copies)
    copies["0"].write_bytes(b"something else")
    with pytest.raises(UserError, match="changed while the run went on"):
        state.require_unchanged(local)


@pytest.mark.parametrize("free", [0, 100])
def test_a_disk_that_is_too_full_is_refused_before_a_byte_is_copied(
    clips: list[Clip], manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr(local_copies.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
    wanted = wanted_copies(clips, manifest, tmp_path / "near")
    for act in (copy_all, missing_copies):
        with pytest.raises(UserError, match=r"data\.cache=.*near: copies of 3 clips need .* GB are free"):
            act(wanted)
    assert not (tmp_path / "near").exists()


def test_a_folder_inside_a_file_is_refused(clips: list[Clip], manifest: Manifest) -> None:
    with pytest.raises(UserError, match="can be no folder"):
        copy_all(wanted_copies(clips, manifest, clips[0].path / "near"))


def test_the_plan_says_what_is_copied(clips: list[Clip], manifest: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    wanted = wanted_copies([*clips[:3], Clip("4", folder)], manifest, tmp_path / "near")
    text = cache_line(wanted, 4, tmp_path / "near")["cache"]
    assert text.startswith(f"2 of 4 clips are copied to {tmp_path / 'near'} first")
    assert text.endswith("1 folders of frames stay where they are")


def test_processes_that_copy_the_same_at_once_leave_whole_files(
    clips: list[Clip], manifest: Manifest, tmp_path: Path
) -> None:
    wanted = wanted_copies(clips[:3], manifest, tmp_path / "near")
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=copy_all, args=(wanted,)) for _ in range(4)]
    for process in started:
        process.start()
    for process in started:
        process.join(30)
    assert [process.exitcode for process in started] == [0] * 4
    assert not missing_copies(wanted)
    assert len(files(tmp_path / "near")) == 2
