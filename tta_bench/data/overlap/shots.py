"""Grey pictures of a clip with their times, for a close look."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import decoded
from tta_bench.data.media.frame_folders import frame_files
from tta_bench.data.overlap.traces import USUAL_RATE, frame_seconds

SIDE = 128
"""Height and width of the pictures."""

Grey = NDArray[np.uint8]
"""A picture, ``(128, 128)``."""
Shot = tuple[float, Grey]
"""Time in seconds, and picture."""


def shots(path: Path, every: float, between: tuple[float, float] = (0.0, math.inf)) -> list[Shot]:
    """Return times and grey pictures of a clip.

    Args:
        path: A video, or a folder of images.
        every: Seconds from one to the next, at least.
        between: Seconds between which they are kept.

    Raises:
        UnreadableVideo: It cannot be decoded, or has none there.
    """
    found: list[Shot] = []
    for seconds, picture in _frames(path):
        if seconds > between[1]:
            break
        if seconds >= between[0] and (not found or seconds - found[-1][0] >= every):
            found.append((seconds, _square(picture())))
    if not found:
        raise UnreadableVideo(path, "no pictures")
    return found


def _frames(path: Path) -> Iterator[tuple[float, Callable[[], Grey]]]:
    """Yield the time of each frame, and a function that gives its picture."""
    if path.is_dir():
        for index, file in enumerate(frame_files(path)):
            yield index / USUAL_RATE, partial(_read, file)
        return
    begin = 0.0
    for index, frame in enumerate(decoded(path)):
        seconds = frame_seconds(frame, index)
        begin = seconds if index == 0 else begin
        yield seconds - begin, partial(_grey, frame)


def _read(file: Path) -> Grey:
    picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise UnreadableVideo(file, "not an image that can be read")
    return np.asarray(picture, np.uint8)


def _grey(frame: av.VideoFrame) -> Grey:
    grey = np.asarray(frame.reformat(format="gray").to_ndarray(), np.uint8)
    return np.asarray(np.rot90(grey, round(frame.rotation / 90)), np.uint8)


def _square(grey: Grey) -> Grey:
    return np.asarray(cv2.resize(np.ascontiguousarray(grey), (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
