from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.clips import write_packed_avi, write_video
from tta_bench.data.media import index_cache, key_frames, seek
from tta_bench.data.media.decode import read_frames
from tta_bench.data.media.key_frames import KeyFrames
from tta_bench.data.media.seek import read_counted_frames

FRAMES = 150
FILMS: dict[str, tuple[str, dict[str, Any]]] = {
    "h264 with B-frames": ("libx264", {"bf": "2", "g": "12"}),
    "mpeg4 with B-frames": ("mpeg4", {"bf": "2", "g": "12"}),
}


@pytest.fixture(autouse=True)
def all_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Short videos are treated as long ones are, and nothing is known of them."""
    monkeypatch.setattr(seek, "LONG", 0)
    monkeypatch.setattr(key_frames, "APART", 20)
    monkeypatch.setattr(index_cache, "_remembered", {})
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=FILMS)
def film(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    codec, options = FILMS[request.param]
    try:
        return write_video(tmp_path / "a.avi", FRAMES, codec, **options)
    except ValueError:
        pytest.skip(f"no encoder {codec}")


def index_of(video: Path) -> tuple[int, int]:
    """Return where the entries of an AVI's index begin, and their number."""
    place = video.read_bytes().rindex(b"idx1")
    return place + 8, struct.unpack("<I", video.read_bytes()[place + 4 : place + 8])[0] // 16


def all_as_counted(video: Path, draw: random.Random) -> None:
    for wanted in ([140, 20, 144], [75], *([draw.randrange(FRAMES)] for _ in range(8))):
        np.testing.assert_array_equal(read_counted_frames(video, wanted, FRAMES), read_frames(video, wanted))


def test_every_frame_is_led_to_by_a_key_frame_near_before_it(film: Path) -> None:
    found = key_frames.key_frames(film, FRAMES)
    assert found.starts[0] == 0
    assert len(found.starts) > 4
    places = [found.before(frame) for frame in range(FRAMES)]
    assert places[0] == 0
    assert all(place is not None and 0 <= frame - found.starts[place] < 40 for frame, place in enumerate(places))


def test_an_index_that_is_not_there_means_counting(film: Path) -> None:
    film.write_bytes(film.read_bytes()[: index_of(film)[0] - 8])
    all_as_counted(film, random.Random(0))
    assert key_frames.key_frames(film, FRAMES).before(140) is None  # only what FFmpeg reads at the start is known


@pytest.mark.parametrize("damage", ["places", "kinds", "half"])
def test_an_index_that_is_wrong_is_not_believed(film: Path, damage: str) -> None:
    data, (begin, entries), draw = bytearray(film.read_bytes()), index_of(film), random.Random(1)
    rows = [bytes(data[begin + 16 * number : begin + 16 * number + 16]) for number in range(entries)]
    for number, row in enumerate(rows):
        if damage == "places":
            row = rows[max(0, number - draw.randrange(3))]
        if damage == "kinds":
            row = row[:4] + struct.pack("<I", draw.choice([0, 16])) + row[8:]
        if damage == "half" and number > entries // 2:
            row = bytes(16)
        data[begin + 16 * number : begin + 16 * number + 16] = row
    film.write_bytes(data)
    all_as_counted(film, draw)


def test_a_key_frame_that_needs_what_stood_before_it_is_left_out(tmp_path: Path) -> None:
    video = write_packed_avi(tmp_path / "packed.avi", FRAMES)
    found = key_frames.key_frames(video, FRAMES)
    for time, start, end in zip(*found, strict=True):
        numbers = range(int(start), int(end))
        frames = [frame.to_ndarray(format="rgb24") for frame in key_frames.frames_from(video, int(time))]
        np.testing.assert_array_equal(frames[: len(numbers)], read_frames(video, numbers))
    all_as_counted(video, random.Random(2))


def test_pictures_that_stand_still_need_no_one_key_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.data.clips.barcode", lambda _, height: np.zeros((height, 160, 3), np.uint8))
    video = write_video(tmp_path / "still.avi", FRAMES, "mpeg4", bf="0", g="12")
    found = key_frames.key_frames(video, FRAMES)
    assert all(found.before(frame) is not None for frame in range(FRAMES))
    all_as_counted(video, random.Random(3))


@pytest.mark.parametrize("said", [FRAMES - 1, FRAMES + 1])
def test_another_number_of_frames_than_was_counted_gives_none(film: Path, said: int) -> None:
    assert not len(key_frames.key_frames(film, said).starts)


def test_places_of_frames() -> None:
    keys = KeyFrames(*(np.array(row) for row in ([0, 70, 90], [0, 30, 60], [40, 50, 90])))
    assert [keys.before(frame) for frame in (0, 29, 30, 49, 50, 60, 89, 90)] == [0, 0, 1, 1, None, 2, 2, None]
    assert [keys.is_nearer(49, other) for other in (10, 29, 30, 45)] == [True, True, False, False]
    assert not keys.is_nearer(55, 0)
