"""Windows along a long video: one every so many seconds, from one pass of the decoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import Pixels, every_frame, frame_rate


class Window(NamedTuple):
    """A clip of a long video."""

    start: float
    """Seconds from the beginning of the video."""
    end: float
    frames: Pixels
    """``uint8 (T, H, W, 3)``."""


def sliding_windows(path: Path, frames: int, stride: int, every: float) -> Iterator[Window]:
    """Yield a window of ``frames`` frames, ``stride`` apart, every so many seconds of a video.

    Seconds are frames over the header's frame rate. A window that the video ends in repeats the last frame, and is the
    last one; none begins at the video's end. No more frames are kept than the windows under way need.

    Args:
        path: A video file.
        frames: Frames of a window.
        stride: Frames of the video from one to the next.
        every: Seconds from one window to the next.

    Raises:
        UnreadableVideo: Decoding fails, perhaps after some windows.
    """
    rate = float(frame_rate(path))
    step = max(1, round(every * rate))
    span = (frames - 1) * stride + 1
    begin, count = 0, 0
    kept: dict[int, Pixels] = {}
    last: Pixels | None = None
    for index, frame in enumerate(every_frame(path)):
        count, last = index + 1, frame
        if _is_wanted(index, step, span, stride):
            kept[index] = frame
        while index >= begin + span - 1:
            yield _window(kept, begin, frames, stride, rate, last)
            begin += step
            kept = {place: picture for place, picture in kept.items() if place >= begin}
    if last is None:
        raise UnreadableVideo(path, "no frames")
    if begin == 0 or (begin < count and begin - step + span < count):  # the video ends inside this window
        yield _window(kept, begin, frames, stride, rate, last)


def _is_wanted(index: int, step: int, span: int, stride: int) -> bool:
    """Return True if a frame is one of some window's: of those that start at a multiple of ``step`` before it."""
    newest = index // step
    oldest = max(0, -(-(index - span + 1) // step))
    return any((index - number * step) % stride == 0 for number in range(oldest, newest + 1))


def _window(kept: dict[int, Pixels], begin: int, frames: int, stride: int, rate: float, last: Pixels) -> Window:
    places = [begin + number * stride for number in range(frames)]
    pictures = np.stack([kept.get(place, last) for place in places])
    return Window(begin / rate, (places[-1] + 1) / rate, pictures)
