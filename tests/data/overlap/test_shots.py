from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.overlap.some_clips import RATE, frames, write
from tests.data.overlap.test_traces import way
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.overlap.shots import SIDE, shots


def test_pictures_are_square_and_as_far_apart_as_asked(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.avi", frames(way(1), 0, 3))
    every = shots(clip, 0.0)
    assert len(every) == 3 * RATE
    assert every[0][1].shape == (SIDE, SIDE)
    times = np.array([time for time, _ in shots(clip, 0.2)])
    assert np.diff(times).min() >= 0.2
    assert [time for time, _ in shots(clip, 0.0, (1.0, 2.0))] == [time for time, _ in every if 1 <= time <= 2]


def test_a_clip_without_pictures_there_cannot_be_looked_at(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.avi", frames(way(1), 0, 1))
    with pytest.raises(UnreadableVideo, match="no pictures"):
        shots(clip, 0.0, (5.0, 6.0))
