"""Face detection: the whole picture, its centre, OpenCV's Haar cascade, or OpenCV's YuNet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, get_args

import cv2
import numpy as np

from tta_bench.data.media.decode import Pixels
from tta_bench.data.transforms.augment import Box
from tta_bench.errors import UserError, unknown
from tta_bench.experiments.reaction import CropperName

DETECTION_SIDE = 320
"""Largest longer side, in pixels, of the picture that a detector is given; larger ones are scaled down."""

FACE_MARGIN = 1.3
"""Side of the square that is cut out, over the longer side of the face's box."""


class FaceDetector(Protocol):
    """A function of a picture, ``uint8 (H, W, 3)`` RGB, and of the box in the picture before it."""

    def __call__(self, picture: Pixels, last: Box[float] | None) -> Box[float] | None:
        """Return the box to cut out, or None where no face is found."""
        ...


def whole_frame(picture: Pixels, last: Box[float] | None = None) -> Box[float]:
    """Return the box of the whole picture, whatever its shape."""
    return Box(0, 0, *picture.shape[:2])


def centre_square(picture: Pixels, last: Box[float] | None = None) -> Box[float]:
    """Return the largest square in the middle."""
    height, width = picture.shape[:2]
    side = min(height, width)
    return Box((height - side) / 2, (width - side) / 2, side, side)


class Haar:
    """OpenCV's Haar cascade for frontal faces (Viola and Jones 2001), which OpenCV's package brings with it.

    Raises:
        UserError: This OpenCV has no cascades, as none has from version 5 on.
    """

    def __init__(self) -> None:
        file = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml"
        if not hasattr(cv2, "CascadeClassifier") or not file.is_file():
            raise UserError(
                f"OpenCV {cv2.__version__} has no Haar cascades.",
                "pip install 'opencv-contrib-python<5', or use yunet.",
            )
        self._cascade = cv2.CascadeClassifier(str(file))

    def __call__(self, picture: Pixels, last: Box[float] | None) -> Box[float] | None:
        """Return the square around the largest face, or around the one nearest to the last."""
        small, scale = _small(picture)
        grey = cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
        return _choose(self._cascade.detectMultiScale(grey, 1.1, 4, minSize=(24, 24)), scale, picture, last)


class YuNet:
    """OpenCV's YuNet (Wu et al. 2023) with the user's model file.

    Args:
        model: The file ``face_detection_yunet_*.onnx`` of the OpenCV Zoo (MIT licence).
        score: Faces of a lower score do not count.

    Raises:
        UserError: There is no such file, or OpenCV cannot read it.
    """

    def __init__(self, model: Path, score: float = 0.6) -> None:
        hint = "Get face_detection_yunet_2023mar.onnx from the OpenCV Zoo (github.com/opencv/opencv_zoo, MIT licence)."
        if not model.is_file():
            raise UserError(f"the YuNet model {model} does not exist.", hint)
        try:
            self._detector = cv2.FaceDetectorYN.create(str(model), "", (DETECTION_SIDE, DETECTION_SIDE), score)
        except cv2.error as error:
            raise UserError(
                f"{model} is no YuNet model that OpenCV {cv2.__version__} reads: {error.err}", hint
            ) from None

    def __call__(self, picture: Pixels, last: Box[float] | None) -> Box[float] | None:
        """Return the square around the largest face, or around the one nearest to the last."""
        small, scale = _small(picture)
        self._detector.setInputSize((small.shape[1], small.shape[0]))
        _, faces = self._detector.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        return _choose([] if faces is None else faces, scale, picture, last)


def face_detector(name: str, model: Path | None = None) -> FaceDetector:
    """Return the detector of a value of ``clip.cropper``: none, centre, haar, or yunet with a model file.

    Raises:
        UserError: There is no such detector, or it lacks its file.
    """
    match name:
        case "none":
            return whole_frame
        case "centre":
            return centre_square
        case "haar":
            return Haar()
        case "yunet":
            if model is None:
                raise UserError("the cropper yunet needs its model file.", "Say which, as data.face_model=FILE.onnx.")
            return YuNet(model)
    raise unknown("cropper", name, get_args(CropperName))


def _small(picture: Pixels) -> tuple[Pixels, float]:
    """Return a picture whose longer side has at most `DETECTION_SIDE` pixels, and the factor back to its own size."""
    height, width = picture.shape[:2]
    scale = max(1.0, max(height, width) / DETECTION_SIDE)
    if scale == 1:
        return picture, 1.0
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _choose(
    detections: Sequence[Sequence[float]], scale: float, picture: Pixels, last: Box[float] | None
) -> Box[float] | None:
    """Return the square around one of the detected faces: the one nearest to the last square, else the largest.

    Args:
        detections: The left, top, width and height of each face in the picture that the detector was given.
        scale: The factor from that picture's pixels to the picture's own.
        picture: The picture.
        last: The square in the picture before it.
    """
    squares = []
    for detection in detections:
        left, top, width, height = (float(value) * scale for value in detection[:4])
        squares.append(_square(Box(top, left, height, width), picture))
    if not squares:
        return None
    if last is None:
        return max(squares, key=lambda box: box.width)
    return min(squares, key=lambda box: _distance(box, last))


def _distance(one: Box[float], other: Box[float]) -> float:
    """Return the distance of two boxes' middles in pixels."""
    across = (one.left + one.width / 2) - (other.left + other.width / 2)
    down = (one.top + one.height / 2) - (other.top + other.height / 2)
    return float(np.hypot(across, down))


def _square(face: Box[float], picture: Pixels) -> Box[float]:
    """Return the square around a face, with a margin, moved and if need be shrunk to lie within the picture."""
    height, width = picture.shape[:2]
    side = min(FACE_MARGIN * max(face.width, face.height), height, width)
    left = face.left + face.width / 2 - side / 2
    top = face.top + face.height / 2 - side / 2
    return Box(min(max(top, 0.0), height - side), min(max(left, 0.0), width - side), side, side)
