"""Frames of a clip, cut to the face: which frames, and what happens where there is no face."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.decode import UnreadableVideo, count_frames, decoder_version, frame_rate, read_frames
from tta_bench.data.transforms.face_detectors import Box, Cropper, WholeFrame, named_cropper, whole

FACES_VERSION = 1
"""Raised whenever the same settings would give other pictures."""

READY, NO_FACE, BROKEN_OFF, UNREADABLE = "ready crops", "frames without a face", "broken off", "unreadable"
"""What is noted of a clip."""


def uniform_indices(count: int, frames: int) -> NDArray[np.int64]:
    """Return ``frames`` indices, ``int64``, in the middles of as many equal parts of a clip of ``count`` frames."""
    indices: NDArray[np.int64] = (2 * np.arange(frames, dtype=np.int64) + 1) * count // (2 * frames)
    return indices


def second_indices(count: int, rate: float) -> NDArray[np.int64]:
    """Return the index, ``int64``, of the frame in the middle of each second of ``count`` frames at a rate in Hz.

    A last part of less than half a second counts only where there is nothing else.
    """
    middles = (np.arange(max(1, round(count / rate))) + 0.5) * rate
    return np.asarray(middles, np.int64).clip(max=count - 1)


def crop_faces(
    pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], find: Cropper, size: int
) -> tuple[NDArray[np.uint8], int]:
    """Return the faces of a clip's pictures, ``uint8 (T, size, size, 3)``, and in how many no face was found.

    A picture without a face is cut as the one before, and before any face is found it is taken whole.
    """
    last: Box | None = None
    missing, crops = 0, []
    for picture in pictures:
        box = find(picture, last)
        missing += box is None
        last = box or last
        crops.append(cut_out(picture, last or whole(picture), size))
    return np.stack(crops), missing


def cut_out(picture: NDArray[np.uint8], box: Box, size: int) -> NDArray[np.uint8]:
    """Return a box of a picture ``uint8 (H, W, 3)``, clipped to the picture, as ``uint8 (size, size, 3)``."""
    height, width = picture.shape[:2]
    left, top = min(max(round(box.x), 0), width - 1), min(max(round(box.y), 0), height - 1)
    right = min(max(round(box.x + box.width), left + 1), width)
    bottom = min(max(round(box.y + box.height), top + 1), height)
    part = picture[top:bottom, left:right]
    if part.shape[:2] == (size, size):
        return part
    shrinks = min(part.shape[:2]) >= size
    return np.asarray(cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))


@dataclass(frozen=True)
class FaceFrames:
    """What is taken from a clip for a visual backbone: frames, upright, each cut to the face.

    Called with a video file it gives ``uint8 (T, size, size, 3)`` RGB and notes; with a folder of ready crops, its
    pictures as they are, brought to ``size``. A clip that breaks off is used up to there, and one of which no frame can
    be decoded gives None.

    Args:
        size: Height and width in pixels.
        frames: How many frames, evenly over the clip; of one frame a second, the most.
        sampling: ``uniform``, or ``1fps`` for one frame a second; where these are too many, evenly some of them.
        cropper: Name of the cropper.
        model: The model file of the cropper yunet.

    Raises:
        UserError: There is no such cropper, or it lacks its file.
    """

    size: int
    frames: int = 16
    sampling: Literal["uniform", "1fps"] = "uniform"
    cropper: str = "none"
    model: Path | None = None

    def __post_init__(self) -> None:
        named_cropper(self.cropper, self.model)  # what is wrong with it is answered here, not in a worker

    @cached_property
    def _find(self) -> Cropper:
        return named_cropper(self.cropper, self.model)

    def __call__(self, path: Path) -> tuple[NDArray[np.uint8] | None, dict[str, int]]:
        """Return the clip's frames, or None where it is unreadable, and what there is to note."""
        try:
            count, broken_off = _count(path)
            pictures = read_frames(path, self._indices(path, count))
        except (UnreadableVideo, OSError):
            return None, {UNREADABLE: 1}
        if path.is_dir():
            return crop_faces(pictures, WholeFrame(), self.size)[0], {READY: 1}
        crops, missing = crop_faces(pictures, self._find, self.size)
        found = {NO_FACE: missing, BROKEN_OFF: int(broken_off)}
        return crops, {name: times for name, times in found.items() if times}

    def identity(self) -> dict[str, Any]:
        """Return all that decides the values, as JSON: settings, versions, and the sha256 of a model file."""
        model = self.model.read_bytes() if self.model and self.cropper == "yunet" else b""
        return {
            "what": "faces",
            "version": FACES_VERSION,
            "size": self.size,
            "frames": self.frames,
            "sampling": self.sampling,
            "cropper": self.cropper,
            "model": hashlib.sha256(model).hexdigest() if model else None,
            "decoder": decoder_version(),
            "opencv": cv2.__version__,
        }

    def _indices(self, path: Path, count: int) -> NDArray[np.int64]:
        """Return which of a clip's frames are taken; ready crops are taken for one a second already."""
        if self.sampling == "uniform":
            return uniform_indices(count, self.frames)
        seconds = np.arange(count) if path.is_dir() else second_indices(count, float(frame_rate(path)))
        return seconds if len(seconds) <= self.frames else seconds[uniform_indices(len(seconds), self.frames)]


def _count(path: Path) -> tuple[int, bool]:
    """Return how many frames of a clip can be decoded, and whether it breaks off after them; some there must be."""
    try:
        return count_frames(path), False
    except UnreadableVideo as error:
        if not error.good:
            raise
        return error.good, True
