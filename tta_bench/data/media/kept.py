"""Frames of a short list of small videos, decoded once in each loader process and kept: the pixels are the same.

A list that a few hundred megabytes hold, such as the embedded sample, is read every epoch; decoding it again would take
longer than a step of a small network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import get_worker_info

from tta_bench.data.media.decode import Change, read_frames
from tta_bench.data.media.seek import read_counted_frames

KEPT_BYTES = 2 * 10**8
"""Most bytes of the frames that all loader processes of a list keep together."""


class KeptFrames:
    """Reader of a list's videos that keeps their frames, where all of them have room together; else it keeps none.

    Args:
        total: Frames of all videos of the list.
        most: Most bytes that all loader processes may keep together.
    """

    def __init__(self, total: int, most: int = KEPT_BYTES) -> None:
        self._total, self._most = total, most
        self.bytes = 0
        """Bytes of the frames that are kept by all loader processes together, once the first video was read."""
        self._held: dict[Path, NDArray[np.uint8]] = {}
        self._bytes = 0

    def read(
        self, path: Path, indices: Sequence[int] | NDArray[np.integer], length: int, change: Change
    ) -> NDArray[np.uint8]:
        """Return the frames with these indices, as `read_counted_frames` does.

        Args:
            path: The file, or a folder of frames.
            indices: Indices in any order, perhaps repeated; one at or beyond the end gives the last frame.
            length: Counted frames of the video.
            change: A change of each frame, the same at every call for a path.

        Raises:
            ValueError: An index is negative, or there is none.
            UnreadableVideo: Decoding fails.
        """
        wanted = np.asarray(indices)
        if path not in self._held and not (self._total and self._keep(path, length, change)):
            return read_counted_frames(path, indices, length, change)
        if not wanted.size or wanted.min() < 0:
            raise ValueError(f"frame indices must be 0 or more and there must be one, not {wanted.tolist()}")
        frames: NDArray[np.uint8] = self._held[path][np.minimum(wanted, length - 1)]
        return frames

    def _keep(self, path: Path, length: int, change: Change) -> bool:
        """Keep a video's frames and return True, if it has room beside the others; all or none, as its first tells."""
        one = int(read_frames(path, [0], change).nbytes)
        worker = get_worker_info()
        most = self._most // (1 if worker is None else worker.num_workers)
        if not self._held and one * self._total > most:
            self._total = 0  # no room, so no other video is asked
            return False
        self.bytes = one * self._total
        if self._bytes + one * length > most:
            return False
        self._held[path] = read_frames(path, range(length), change)
        self._bytes += one * length
        return True
