from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.clips import write_repeated, write_video
from tta_bench.data.media import frame_index, index_cache, seek
from tta_bench.data.media.decode import read_frames
from tta_bench.data.media.frame_index import LONG, FrameIndex
from tta_bench.data.media.seek import read_counted_frames
from tta_bench.utils.paths import cache_folder

PIECE, TIMES = 100, 108
LENGTH = PIECE * TIMES
"""Frames of a video of three hours at one in a second."""


@pytest.fixture(autouse=True)
def nothing_is_kept_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_cache, "_remembered", {})
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module", params=[("a.mp4", "2"), ("b.mkv", "0")])
def three_hours(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, between = request.param
    folder = tmp_path_factory.mktemp("three_hours")
    piece = write_video(folder / f"piece{name}", PIECE, "libx264", bf=between, g="25")
    return write_repeated(folder / name, piece, TIMES)


def test_a_long_video_is_gone_through_once_and_sought_from_then_on(
    three_hours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [LENGTH - 1, 5_000, 5_004, 7_777, 20]
    expected = read_frames(three_hours, wanted)
    monkeypatch.setattr(seek, "read_frames", None)
    np.testing.assert_array_equal(read_counted_frames(three_hours, wanted, LENGTH), expected)
    monkeypatch.setattr(frame_index, "_scanned", None)
    np.testing.assert_array_equal(read_counted_frames(three_hours, wanted, LENGTH), expected)  # as remembered
    index_cache._remembered.clear()
    np.testing.assert_array_equal(read_counted_frames(three_hours, wanted, LENGTH), expected)  # from its file


def test_each_far_group_of_frames_is_sought_from_the_key_frame_before_it(
    three_hours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    read_on = seek._Reading._read_on

    def noted(self: seek._Reading, wanted: list[int], done: int, rows: seek._Rows) -> int:
        begun.append(wanted[done])
        return read_on(self, wanted, done, rows)

    monkeypatch.setattr(seek._Reading, "_read_on", noted)
    read_counted_frames(three_hours, [10, 14, 4_010, 4_030, 9_000, 9_001], LENGTH)
    assert begun == [10, 4_010, 9_000]


def test_the_index_of_a_changed_or_short_video_is_not_taken_from_the_cache(tmp_path: Path) -> None:
    piece = write_video(tmp_path / "piece.mp4", 40, "libx264")
    video = write_repeated(tmp_path / "long.mp4", piece, LONG // 40 + 1)
    read_counted_frames(video, [7], 40 * (LONG // 40 + 1))
    kept = cache_folder() / "frame_index"
    assert sum(1 for _ in kept.iterdir()) == 1
    write_repeated(video, piece, LONG // 40 + 2)
    read_counted_frames(video, [7], 40 * (LONG // 40 + 2))
    read_counted_frames(piece, [7], 40)
    assert sum(1 for _ in kept.iterdir()) == 2


def test_the_key_frame_before_a_frame() -> None:
    index = FrameIndex(np.arange(0, 40, 4), np.array([8, 20]))
    assert [index.key_before(frame) for frame in (0, 1, 2, 4, 5, 9)] == [None, None, 8, 8, 20, 20]
