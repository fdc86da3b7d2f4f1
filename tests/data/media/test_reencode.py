from __future__ import annotations

import json
from pathlib import Path

import av
import pytest

from tests.data.clips import write_video
from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.media import container, decode, reencode
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import count_frames, every_frame
from tta_bench.data.media.reencode import SETTINGS_FILE, Settings, prepared_settings, reencode_videos
from tta_bench.data.media.scenes import copy_lists
from tta_bench.errors import UserError

SETTINGS = Settings(32, 8)


@pytest.fixture
def videos(tmp_path: Path) -> list[Clip]:
    names = ("dance/71.mp4", "run/72.avi")
    for name in names:
        (tmp_path / "from" / name).parent.mkdir(parents=True)
        write_video(tmp_path / "from" / name, 30)
    (tmp_path / "from" / "run" / "73.mp4").write_bytes(b"no video")
    return [Clip(name, tmp_path / "from" / name) for name in (*names, "run/73.mp4")]


def test_videos_are_smaller_with_all_frames_and_key_frames_and_not_written_twice(
    videos: list[Clip], tmp_path: Path
) -> None:
    into = tmp_path / "into"
    done = reencode_videos(videos, tmp_path / "from", into, SETTINGS, 2)
    assert (done.written, done.before, [*done.broken]) == (2, 0, ["run/73.mp4"])
    assert sorted(path.relative_to(into).as_posix() for path in into.rglob("*.mp4")) == ["dance/71.mp4", "run/72.mp4"]
    for name in ("dance/71.mp4", "run/72.mp4"):
        assert count_frames(into / name) == 30
        assert min(next(every_frame(into / name)).shape[:2]) <= 32
        with av.open(str(into / name)) as file:
            keys = [number for number, packet in enumerate(file.demux(video=0)) if packet.is_keyframe]
        assert keys[:4] == [0, 8, 16, 24]
    assert json.loads((into / SETTINGS_FILE).read_text())["key_frames"] == 8
    (into / "dance" / "71.mp4").unlink()
    again = reencode_videos(videos, tmp_path / "from", into, SETTINGS, 1)
    assert (again.written, again.before) == (1, 1)


def test_other_settings_and_overlapping_folders_are_refused(videos: list[Clip], tmp_path: Path) -> None:
    reencode_videos(videos[:1], tmp_path / "from", tmp_path / "into", SETTINGS, 1)
    with pytest.raises(UserError, match="other settings"):
        reencode_videos(videos[:1], tmp_path / "from", tmp_path / "into", Settings(64, 8), 1)
    with pytest.raises(UserError, match="one inside the other"):
        reencode_videos(videos[:1], tmp_path / "from", tmp_path / "from" / "x", SETTINGS, 1)


def test_two_videos_of_one_new_name_are_refused(videos: list[Clip], tmp_path: Path) -> None:
    write_video(tmp_path / "from" / "dance" / "71.avi", 20)
    both = [videos[0], Clip("other", tmp_path / "from" / "dance" / "71.avi")]
    with pytest.raises(UserError, match="would both become"):
        reencode_videos(both, tmp_path / "from", tmp_path / "into", SETTINGS, 1)


@pytest.mark.parametrize("sizes", [(64, 32), (32, 64)])
def test_lists_of_videos_that_were_prepared_before_keep_the_new_settings(
    videos: list[Clip], sizes: tuple[int, int], tmp_path: Path
) -> None:
    folders, found = [tmp_path / "from", tmp_path / "once", tmp_path / "twice"], []
    (folders[0] / "list.txt").write_text("a list")
    for base, into, size in zip(folders, folders[1:], sizes, strict=False):
        source = Clip("71", base / "dance" / "71.mp4")
        for written in (1, 0):
            assert reencode_videos([source], base, into, Settings(size, 8), 1).written == written
            copy_lists(base, into)
        assert json.loads((into / SETTINGS_FILE).read_text())["size"] == size
        assert (into / "list.txt").read_text() == "a list"
        found.append(prepared_settings(into))
    assert prepared_settings(folders[0]) is None
    assert len({*found, None}) == 3
    assert prepared_settings(folders[1] / "list.txt") == found[0]


@pytest.mark.parametrize(("height", "size"), [(1008, 48), (1200, 64)])
def test_a_video_too_large_to_be_read_is_written_smaller(
    height: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its error names this remedy, unless the video is beyond what even this reads."""
    (tmp_path / "videos").mkdir()
    huge = write_video(tmp_path / "videos/huge.mp4", 30, height=height)
    write_video(tmp_path / "videos/small.mp4", 30, height=64)
    for module in (container, decode, reencode):
        monkeypatch.setattr(module, "MOST_PIXELS", 160 * 1000)
    with pytest.raises(UnreadableVideo, match=rf"160 x {height:,} pixels, .*`tta-bench data prepare --size 256`"):
        count_frames(huge)
    videos = [Clip(name, tmp_path / f"videos/{name}.mp4") for name in ("huge", "small")]
    done = reencode_videos(videos, tmp_path / "videos", tmp_path / "new", Settings(size, 16), 2)
    assert (done.written, done.broken) == (2, {})
    assert count_frames(tmp_path / "new/huge.mp4") == 30
    for module in (decode, reencode):
        monkeypatch.setattr(module, "MOST_PIXELS_TO_SHRINK", 160 * 1001)
    with pytest.raises(UnreadableVideo, match="are decoded$"):
        count_frames(huge)
    done = reencode_videos(videos[:1], tmp_path / "videos", tmp_path / "other", Settings(size, 16), 1)
    assert list(done.broken) == ["huge.mp4"]
