"""Index of a video's frames: when each is shown, and which are key frames, from its packets alone.

A long video's packets take seconds to go through, so its index is kept in the cache folder, by the file's state.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import av
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.decode import decoder_version
from tta_bench.data.media.stat_cache import STAMP, file_stat
from tta_bench.utils.files import atomic_file
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.paths import cache_folder

LONG = 3_000
"""Frames of a video from which on its index is kept: two minutes at 25 Hz."""
REMEMBERED = 8
"""Indices of long videos that a process has in memory, at most 16 MB each."""

_remembered: dict[str, FrameIndex] = {}


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
    if length < LONG:
        return _scanned(container, stream, length)
    name = digest([str(path.resolve()), *file_stat(path)[:STAMP], decoder_version(), length])
    file = cache_folder() / "frame_index" / f"{name}.npz"
    found = _remembered.get(name) or _read(file, length)
    if found is None:
        found = _scanned(container, stream, length)
        if found is None:
            return None
        with suppress(OSError), atomic_file(file) as target:  # a folder that cannot be written costs time, no more
            np.savez(target, times=found.times, keys=found.keys)
    _remembered[name] = found
    while len(_remembered) > REMEMBERED:
        del _remembered[next(iter(_remembered))]
    return found


def _scanned(container: av.container.InputContainer, stream: av.VideoStream, length: int) -> FrameIndex | None:
    """Return the index from a file's packets."""
    packets = [(packet.pts, packet.is_keyframe) for packet in container.demux(stream) if packet.size]
    shown = [pts for pts, _ in packets if pts is not None]
    times = np.unique(np.array(shown, np.int64))
    if not len(times) == len(packets) == length:
        return None
    return FrameIndex(times, np.unique(np.array([pts for pts, is_key in packets if is_key], np.int64)))


def _read(file: Path, length: int) -> FrameIndex | None:
    """Return the index that a file keeps; None where there is none, or none of so many frames."""
    try:
        with np.load(file, allow_pickle=False) as content:
            found = FrameIndex(content["times"].astype(np.int64), content["keys"].astype(np.int64))
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        return None
    return found if len(found.times) == length else None
