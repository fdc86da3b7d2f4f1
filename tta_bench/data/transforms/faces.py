"""Face crops: frames of a clip, each cut to the face, as input of a visual backbone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import Pixels, count_frames, decoder_version, read_frames, within_memory
from tta_bench.data.media.frame_times import frame_times, second_indices
from tta_bench.data.transforms.augment import Box
from tta_bench.data.transforms.face_detectors import FaceDetector, face_detector, whole_frame
from tta_bench.data.transforms.sampling import Indices, uniform_indices
from tta_bench.utils.files import sha256_of

FACES_VERSION = 2
"""Raised whenever the same settings would give other pictures."""

READY, NO_FACE, BROKEN_OFF, UNREADABLE = "ready crops", "frames without a face", "broken off", "unreadable"
NO_TIMES = "no times of frames"
"""Notes about a clip."""


def crop_faces(pictures: Sequence[Pixels] | Pixels, detect: FaceDetector, size: int) -> tuple[Pixels, int]:
    """Return the faces of a clip's pictures, ``uint8 (T, size, size, 3)``, and the number of pictures without a face.

    A picture without a face is cut as the one before it; before the first face it is taken whole.
    """
    last: Box[float] | None = None
    missing, crops = 0, []
    for picture in pictures:
        box = detect(picture, last)
        missing += box is None
        last = box or last
        crops.append(cut_out(picture, last or whole_frame(picture), size))
    return np.stack(crops), missing


def cut_out(picture: Pixels, box: Box[float], size: int) -> Pixels:
    """Return a box of a picture ``uint8 (H, W, 3)``, clipped to the picture, as ``uint8 (size, size, 3)``."""
    height, width = picture.shape[:2]
    top, left = min(max(round(box.top), 0), height - 1), min(max(round(box.left), 0), width - 1)
    bottom = min(max(round(box.top + box.height), top + 1), height)
    right = min(max(round(box.left + box.width), left + 1), width)
    part = picture[top:bottom, left:right]
    if part.shape[:2] == (size, size):
        return part
    shrinks = min(part.shape[:2]) >= size
    return np.asarray(cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))


@dataclass(frozen=True)
class FaceFrames:
    """Extractor of face crops: upright frames of a clip, each cut to the face.

    Called with a video file it gives ``uint8 (T, size, size, 3)`` RGB and notes; with a folder of ready crops, its
    pictures resized to ``size``. A video that ends with an error is used up to there; one without any decodable frame
    gives None.

    Args:
        size: Height and width in pixels.
        frames: Number of frames, evenly over the clip; at one frame a second, the most.
        sampling: ``uniform``, or ``1fps`` for one frame a second, evenly thinned where these are too many.
        cropper: Name of the face detector.
        model: The model file of yunet.

    Raises:
        UserError: There is no such detector, or it lacks its file.
    """

    size: int
    frames: int = 16
    sampling: Literal["uniform", "1fps"] = "uniform"
    cropper: str = "none"
    model: Path | None = None

    def __post_init__(self) -> None:
        face_detector(self.cropper, self.model)  # an error is raised here, not in a worker

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings, which is all that another process gets: it makes a detector of its own."""
        return {name: value for name, value in vars(self).items() if name != "_detect"}

    @cached_property
    def _detect(self) -> FaceDetector:
        return face_detector(self.cropper, self.model)

    def __call__(self, path: Path) -> tuple[Pixels | None, dict[str, int]]:
        """Return the clip's frames, or None where it is unreadable, and the notes."""
        try:
            indices, notes = self._indices(path)
            pictures = read_frames(path, indices, partial(within_memory, frames=len(indices)))
        except (UnreadableVideo, OSError):
            return None, {UNREADABLE: 1}
        if path.is_dir():
            return crop_faces(pictures, whole_frame, self.size)[0], {READY: 1}
        crops, missing = crop_faces(pictures, self._detect, self.size)
        return crops, ({NO_FACE: missing} if missing else {}) | notes

    def identity(self) -> dict[str, Any]:
        """Return all that decides the values, as JSON: settings, versions, and the sha256 of a model file."""
        return {
            "what": "faces",
            "version": FACES_VERSION,
            "size": self.size,
            "frames": self.frames,
            "sampling": self.sampling,
            "cropper": self.cropper,
            "model": sha256_of(self.model) if self.model and self.cropper == "yunet" else None,
            "decoder": decoder_version(),
            "opencv": cv2.__version__,
        }

    def _indices(self, path: Path) -> tuple[Indices, dict[str, int]]:
        """Return the indices of the frames that are used, and notes.

        At one frame a second, ready crops count as one each, and a video without times is taken evenly.
        """
        if self.sampling == "1fps" and not path.is_dir():
            times = frame_times(path)
            if times is not None:
                seconds = second_indices(times)
                return self._thinned(seconds), {BROKEN_OFF: 1} if times.broken_off else {}
        count, broken_off = _count(path)
        notes = {BROKEN_OFF: 1} if broken_off else {}
        if self.sampling == "1fps" and path.is_dir():
            return self._thinned(np.arange(count)), notes
        untimed = {NO_TIMES: 1} if self.sampling == "1fps" else {}
        return uniform_indices(count, self.frames).reshape(-1), notes | untimed

    def _thinned(self, seconds: Indices) -> Indices:
        """Return at most the wanted number of indices, evenly spread."""
        if len(seconds) <= self.frames:
            return seconds
        return np.asarray(seconds[uniform_indices(len(seconds), self.frames)[0]], np.int64)


def _count(path: Path) -> tuple[int, bool]:
    """Return the number of decodable frames of a clip, at least one, and whether it ends with an error after them."""
    try:
        return count_frames(path), False
    except UnreadableVideo as error:
        if not error.good:
            raise
        return error.good, True
