from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import read_frames
from tta_bench.data.media.encode import MPEG4_AVI, write_video
from tta_bench.data.media.windows import sliding_windows


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty frames at 25 a second, each of another grey."""
    path = tmp_path_factory.mktemp("video") / "long.avi"
    frames = (np.full((32, 32, 3), 4 * index, np.uint8) for index in range(50))
    write_video(path, frames, 25, MPEG4_AVI)
    return path


@pytest.mark.parametrize(("frames", "stride", "every"), [(4, 2, 0.4), (4, 5, 0.2), (8, 1, 1.0), (3, 3, 0.04)])
def test_each_window_has_the_frames_that_it_would_have_alone(
    frames: int, stride: int, every: float, video: Path
) -> None:
    windows = list(sliding_windows(video, frames, stride, every))
    step = round(every * 25)
    assert [round(window.start * 25) for window in windows] == list(range(0, len(windows) * step, step))
    for number, window in enumerate(windows):
        places = number * step + stride * np.arange(frames)
        assert np.array_equal(window.frames, read_frames(video, places)), number


def test_the_last_window_begins_before_the_end(video: Path) -> None:
    *_, last = sliding_windows(video, 4, 3, 0.4)
    assert (last.start, last.end) == pytest.approx((1.6, 2.0))
    *_, last = sliding_windows(video, 4, 4, 0.4)
    assert last.end * 25 > 50


def test_a_video_shorter_than_a_window_is_one_window(video: Path) -> None:
    (only,) = sliding_windows(video, 16, 4, 100.0)
    assert only.start == 0
    assert np.array_equal(only.frames, read_frames(video, np.arange(16) * 4))


def test_windows_far_apart_leave_gaps(video: Path) -> None:
    windows = list(sliding_windows(video, 2, 1, 0.8))
    assert [round(window.start, 2) for window in windows] == [0.0, 0.8, 1.6]


def test_what_is_no_video_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.avi").write_bytes(b"nothing")
    with pytest.raises(UnreadableVideo):
        list(sliding_windows(tmp_path / "x.avi", 2, 1, 1.0))
