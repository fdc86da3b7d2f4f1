"""Times of frames: the second in which each frame of a video is shown, from the frames themselves.

Headers of recorders in browsers say 1,000 frames a second, and phones record at a variable rate, so a time is not a
number of frames over a rate.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import decoded, frame_rate

ROUNDING = 1e-6
"""Seconds by which a frame may begin after the time at which it is taken."""


class FrameTimes(NamedTuple):
    """Times of a clip's frames."""

    starts: NDArray[np.float64]
    """Seconds from the first frame, rising."""
    duration: float
    """Seconds until the last frame ends."""
    broken_off: bool = False
    """True where decoding ends with an error after these frames."""


def frame_times(path: Path) -> FrameTimes | None:
    """Return the times of a video file's frames; None where neither frames nor header tell them.

    Where frames have no times, or times that do not rise (AVI with B-frames), the header's rate gives them.

    Raises:
        UnreadableVideo: No frame can be decoded.
    """
    times: list[float | None] = []
    last, broken_off = 0.0, False
    try:
        for frame in decoded(path):
            times.append(None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base))
            last = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
    except UnreadableVideo:
        if not times:
            raise
        broken_off = True
    starts = np.array([np.nan if time is None else time for time in times])
    steps = np.diff(starts)
    if np.isfinite(starts).all() and (steps > 0).all() and (len(steps) or last > 0):
        usual = float(np.median(steps)) if len(steps) else last
        return FrameTimes(starts - starts[0], float(starts[-1] - starts[0]) + max(last, usual), broken_off)
    try:
        rate = float(frame_rate(path))
    except UnreadableVideo:
        return None
    return FrameTimes(np.arange(len(times)) / rate, len(times) / rate, broken_off)


def second_indices(times: FrameTimes) -> NDArray[np.int64]:
    """Return the index of the frame that is shown in the middle of each second, ``int64``.

    A last part of less than half a second counts only where there is nothing else.
    """
    middles = np.arange(max(1, round(times.duration))) + 0.5
    return np.asarray(np.searchsorted(times.starts, middles + ROUNDING, "right") - 1, np.int64)
