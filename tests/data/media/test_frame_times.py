from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.clips import write_packed_avi, write_video
from tta_bench.data.media import frame_times as module
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.frame_times import FrameTimes, frame_times, second_indices


@given(st.integers(1, 2000), st.sampled_from([12.5, 25.0, 30000 / 1001, 8.0]))
def test_one_frame_a_second(count: int, rate: float) -> None:
    indices = second_indices(FrameTimes(np.arange(count) / rate, count / rate))
    expected = ((np.arange(max(1, round(count / rate))) + 0.5) * rate + 1e-5).astype(int).clip(max=count - 1)
    np.testing.assert_array_equal(indices, expected)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=80))
def test_the_frame_on_show_in_the_middle_of_each_second(steps: list[int]) -> None:
    starts = np.array(list(accumulate([0, *steps]))) / 100
    times = FrameTimes(starts, float(starts[-1]) + 0.01)
    for second, index in enumerate(second_indices(times)):
        assert starts[index] <= second + 0.5 + 1e-5
        assert index + 1 == len(starts) or starts[index + 1] > second + 0.5


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.mp4", "libx264"), ("a.webm", "libvpx")])
def test_a_variable_rate_is_followed(tmp_path: Path, name: str, codec: str) -> None:
    pts = [0, 40, 80, 480, 500, 520, 1400, 1440, 1500, 1900]
    times = frame_times(write_video(tmp_path / name, frames=len(pts), codec=codec, pts=pts))
    assert times is not None
    np.testing.assert_allclose(times.starts * 1000, pts, atol=2)
    assert second_indices(times).tolist() == [4, 8]


def test_where_frames_have_no_order_of_time_the_header_tells_the_rate(tmp_path: Path) -> None:
    times = frame_times(write_packed_avi(tmp_path / "packed.avi", frames=50))
    assert times is not None
    assert times.duration == 2
    assert second_indices(times).tolist() == [12, 37]


def test_neither_frames_nor_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(path: Path) -> float:
        raise UnreadableVideo(path, "no frame rate")

    monkeypatch.setattr(module, "frame_rate", none)
    assert frame_times(write_packed_avi(tmp_path / "packed.avi")) is None
