from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.data.clips import cut, read_barcode, write_packed_avi, write_video
from tta_bench.data.media import frame_index, index_cache, key_frames, seek
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import count_frames, read_frames
from tta_bench.data.media.examine import examine
from tta_bench.data.media.seek import read_counted_frames

FRAMES = 150
UNEVEN = list(accumulate([0] + [20, 35, 90, 15] * 40))[:FRAMES]

SOUGHT = {
    "h264 with B-frames": ("a.mp4", "libx264", {"bf": "3", "g": "12"}),
    "h264 with one key frame": ("b.mp4", "libx264", {"g": "300"}),
    "h264 in open groups": ("c.mkv", "libx264", {"bf": "3", "g": "15", "x264-params": "open-gop=1"}),
    "h264 of variable frame rate": ("d.mp4", "libx264", {"pts": UNEVEN, "bf": "2", "g": "20"}),
    "h264 turned": ("e.mp4", "libx264", {"rotation": 90, "g": "20"}),
    "hevc": ("f.mp4", "libx265", {"x265-params": "keyint=20:bframes=3:log-level=none"}),
    "vp9": ("g.webm", "libvpx-vp9", {"g": "20"}),
    "h264 fragmented": ("h.mp4", "libx264", {"g": "15", "container_options": {"movflags": "frag_keyframe"}}),
}
COUNTED = {
    "h264 in AVI": ("i.avi", "libx264", {"bf": "2", "g": "12"}),
    "mpeg4": ("j.avi", "mpeg4", {"bf": "0", "g": "12"}),
    "mpeg4 in MP4": ("k.mp4", "mpeg4", {"bf": "2", "g": "12"}),
}
COUNTED_ON = {
    "h264 in AVI": COUNTED["h264 in AVI"],
    "h264 in open groups in AVI": ("l.avi", "libx264", {"bf": "3", "g": "15", "x264-params": "open-gop=1"}),
    "mpeg4": COUNTED["mpeg4"],
    "mpeg4 with B-frames": ("m.avi", "mpeg4", {"bf": "2", "g": "12"}),
    "h264 in a transport stream": ("n.ts", "libx264", {"bf": "2", "g": "12"}),
    "mpeg2": ("o.mpg", "mpeg2video", {"bf": "2", "g": "12"}),
}


@pytest.fixture
def all_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Short videos are treated as long ones are, and nothing is known of them."""
    monkeypatch.setattr(frame_index, "LONG", 0)
    monkeypatch.setattr(seek, "LONG", 0)
    monkeypatch.setattr(key_frames, "APART", 20)
    monkeypatch.setattr(seek, "NEAR", 3)
    monkeypatch.setattr(index_cache, "_remembered", {})
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module", params=[*SOUGHT, *COUNTED, "packed"])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    if request.param == "packed":
        return write_packed_avi(folder / "packed.avi", FRAMES)
    name, codec, options = (SOUGHT | COUNTED)[request.param]
    try:
        return write_video(folder / name, FRAMES, codec, **options)
    except ValueError:
        pytest.skip(f"no encoder {codec}")


def test_the_frames_are_those_that_counting_finds(clip: Path) -> None:
    assert count_frames(clip) == FRAMES
    draw = random.Random(0)
    for start in (0, 11, 12, 13, 70, 134, 149):
        indices = [min(start + 4 * k, FRAMES + 3) for k in range(draw.randint(1, 8))]
        draw.shuffle(indices)
        np.testing.assert_array_equal(read_counted_frames(clip, indices, FRAMES), read_frames(clip, indices))


@pytest.mark.usefixtures("all_long")
def test_frames_far_apart_are_those_that_counting_finds(clip: Path) -> None:
    """Each far group is sought by itself, by an index that was made now, is remembered, or was read from its file."""
    draw = random.Random(1)
    for wanted in ([0, 3, 60, 61, 100, 149], [5, 140], *(sorted(draw.sample(range(FRAMES), 6)) for _ in range(4))):
        np.testing.assert_array_equal(read_counted_frames(clip, wanted, FRAMES), read_frames(clip, wanted))
        if wanted[0] == 5:
            index_cache._remembered.clear()


@pytest.mark.parametrize("name", SOUGHT)
def test_little_is_decoded_and_nothing_counted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, codec, options = SOUGHT[name]
    try:
        video = write_video(tmp_path / file, FRAMES, codec, **options)
    except ValueError:
        pytest.skip(f"no encoder {codec}")
    expected = read_frames(video, [100, 104])
    monkeypatch.setattr(seek, "read_frames", None)
    np.testing.assert_array_equal(read_counted_frames(video, [100, 104], FRAMES), expected)


@pytest.mark.usefixtures("all_long")
@pytest.mark.parametrize("name", COUNTED_ON)
def test_long_videos_without_times_are_counted_from_a_key_frame(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, codec, options = COUNTED_ON[name]
    try:
        video = write_video(tmp_path / file, FRAMES, codec, **options)
    except ValueError:
        pytest.skip(f"no encoder {codec}")
    wanted = [[frame] for frame in range(0, FRAMES, 7)] + [[149, 3, 60, 61, 100, 3], [97, 98, 99]]
    expected = [read_frames(video, indices) for indices in wanted]
    monkeypatch.setattr(seek, "read_frames", None)
    for indices, frames in zip(wanted, expected, strict=True):
        np.testing.assert_array_equal(read_counted_frames(video, indices, FRAMES), frames)


@pytest.mark.usefixtures("all_long")
def test_little_is_decoded_where_frames_are_counted_from_a_key_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_video(tmp_path / "a.avi", FRAMES, "libx264", bf="2", g="12")
    read_counted_frames(video, [0], FRAMES)
    decoded = []

    def counted(path: Path, time: int) -> Iterator[av.VideoFrame]:
        for frame in key_frames.frames_from(path, time):
            decoded.append(time)
            yield frame

    monkeypatch.setattr(seek, "frames_from", counted)
    read_counted_frames(video, [50, 52, 140, 145], FRAMES)
    assert len(set(decoded)) == 2
    assert len(decoded) < 2 * 24 + 12


@pytest.mark.parametrize("said", [FRAMES - 1, FRAMES + 5])
def test_another_count_than_that_of_the_packets_means_counting(said: int, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", FRAMES, "libx264")
    assert read_barcode(read_counted_frames(video, [90], said)[0]) == 90


def test_what_cannot_be_read_is_said_as_always(tmp_path: Path) -> None:
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with pytest.raises(UnreadableVideo):
        read_counted_frames(tmp_path / "b.mp4", [0], 5)
    whole = write_video(tmp_path / "a.ts", FRAMES, "libx264")
    with pytest.raises(UnreadableVideo):
        read_counted_frames(cut(whole, tmp_path / "none.mp4", 0.0001), [0], FRAMES)


def test_the_shared_clips(shared: Path) -> None:
    for video in sorted((shared / "clips").iterdir()):
        length = count_frames(video)
        indices = [length // 2 + k for k in (0, 4, 9, 25)]
        np.testing.assert_array_equal(read_counted_frames(video, indices, length), read_frames(video, indices))


@pytest.mark.parametrize("name", ["h264 with B-frames", "h264 in AVI"])
def test_frames_are_changed_as_they_are_decoded(tmp_path: Path, name: str) -> None:
    file, codec, options = (SOUGHT | COUNTED)[name]
    path = write_video(tmp_path / file, FRAMES, codec, **options)
    found = read_counted_frames(path, [7, 30, 7], FRAMES, lambda frame: frame[::2, ::2])
    assert np.array_equal(found, read_counted_frames(path, [7, 30, 7], FRAMES)[:, ::2, ::2])


@pytest.mark.parametrize(("name", "options"), [("a.mkv", {"bf": "3", "g": "12"}), ("b.mp4", {"bf": "2", "g": "60"})])
def test_damaged_files_show_the_frames_that_counting_finds(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    whole = write_video(tmp_path / name, 60, "libx264", **options).read_bytes()
    draw, damaged = random.Random(1), 0
    for _ in range(8):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            data[draw.randrange(len(data) // 5, 4 * len(data) // 5)] ^= 1 << draw.randrange(8)
        (tmp_path / name).write_bytes(data)
        try:
            found = examine(tmp_path / name)
        except UnreadableVideo:
            continue
        damaged += "damaged" in found.doubt
        indices = sorted(draw.sample(range(found.frames), 5))
        shown = read_counted_frames(tmp_path / name, indices, found.frames)
        np.testing.assert_array_equal(shown, read_frames(tmp_path / name, indices))
    assert damaged > 1
