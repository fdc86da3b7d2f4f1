"""Index of a video's frames: when each is shown, and which are key frames, from its packets alone.

A long video's packets take seconds to go through, so its index is kept in the cache folder, by the file's state.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.index_cache import Arrays, kept_numbers

LONG = 3_000
"""Frames of a video from which on its index is kept: two minutes at 25 Hz."""


class FrameIndex(NamedTuple):
    """Times of a video's frames, in the unit of its stream."""

    times: NDArray[np.int64]
    """The time of each frame, rising."""
    keys: NDArray[np.int64]
    """Those of key frames, rising."""

    def key_before(self, frame: int) -> int | None:
        """Return the time of the last key frame not after a frame; None where there is none."""
        place = int(np.searchsorted(self.keys, self.times[frame], "right"))
        return int(self.keys[place - 1]) if place else None


def frame_index(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream, length: int
) -> FrameIndex | None:
    """Return the index of a video; None where its packets are not as many as its frames, each with a time of its own.

    Args:
        path: The file.
        container: The file, open; its packets may have been read afterwards.
        stream: Its film.
        length: Counted frames.

    Raises:
        av.FFmpegError: The packets cannot be read.
        OSError: The file is gone.
    """

    def scanned() -> Arrays | None:
        index = _scanned(container, stream, length)
        return None if index is None else index._asdict()

    found = scanned() if length < LONG else kept_numbers("frame_index", path, length, scanned)
    return None if found is None else FrameIndex(**found)


def _scanned(container: av.container.InputContainer, stream: av.VideoStream, length: int) -> FrameIndex | None:
    """Return the index from a file's packets."""
    packets = [(packet.pts, packet.is_keyframe) for packet in container.demux(stream) if packet.size]
    shown = [pts for pts, _ in packets if pts is not None]
    times = np.unique(np.array(shown, np.int64))
    if not len(times) == len(packets) == length:
        return None
    return FrameIndex(times, np.unique(np.array([pts for pts, is_key in packets if is_key], np.int64)))
