"""Where the face is in a picture: nothing cut, the middle, OpenCV's Haar cascade, or its YuNet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.errors import UserError, unknown

DETECTION_SIDE = 320
"""Pictures are looked at in a size whose longer side has no more pixels than this."""

MARGIN = 1.3
"""Side of the square that is cut out, over the longer side of the face's box."""

CROPPERS = ("none", "centre", "haar", "yunet")


class Box(NamedTuple):
    """A rectangle in pixels: its left upper corner, and its extent."""

    x: float
    y: float
    width: float
    height: float


class Cropper(Protocol):
    """Where the face is: a function of a picture, ``uint8 (H, W, 3)`` RGB, and of the box before."""

    def __call__(self, picture: NDArray[np.uint8], last: Box | None) -> Box | None:
        """Return what to cut out, or None where no face is found."""
        ...


class WholeFrame:
    """Cut nothing: the whole picture becomes the square, whatever its shape."""

    def __call__(self, picture: NDArray[np.uint8], last: Box | None) -> Box:
        """Return the whole picture."""
        return whole(picture)


class Centre:
    """Cut out the largest square in the middle."""

    def __call__(self, picture: NDArray[np.uint8], last: Box | None) -> Box:
        """Return that square."""
        height, width = picture.shape[:2]
        side = min(height, width)
        return Box((width - side) / 2, (height - side) / 2, side, side)


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

    def __call__(self, picture: NDArray[np.uint8], last: Box | None) -> Box | None:
        """Return the square around the largest face, or around the one nearest to the last."""
        small, scale = _small(picture)
        grey = cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
        found = self._cascade.detectMultiScale(grey, 1.1, 4, minSize=(24, 24))
        return _choose([Box(*(float(value) * scale for value in box)) for box in found], picture, last)


class YuNet:
    """OpenCV's YuNet (Wu et al. 2023) with a model file of one's own.

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

    def __call__(self, picture: NDArray[np.uint8], last: Box | None) -> Box | None:
        """Return the square around the largest face, or around the one nearest to the last."""
        small, scale = _small(picture)
        self._detector.setInputSize((small.shape[1], small.shape[0]))
        _, found = self._detector.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        rows = [] if found is None else found
        return _choose([Box(*(float(value) * scale for value in row[:4])) for row in rows], picture, last)


def named_cropper(name: str, model: Path | None = None) -> Cropper:
    """Return a cropper by its name: none, centre, haar, or yunet with a model file.

    Raises:
        UserError: There is no such cropper, or it lacks its file.
    """
    match name:
        case "none":
            return WholeFrame()
        case "centre":
            return Centre()
        case "haar":
            return Haar()
        case "yunet":
            if model is None:
                raise UserError("the cropper yunet needs its model file.", "Say which, as data.face_model=FILE.onnx.")
            return YuNet(model)
    raise unknown("cropper", name, CROPPERS)


def whole(picture: NDArray[np.uint8]) -> Box:
    """Return the box of a whole picture."""
    return Box(0, 0, picture.shape[1], picture.shape[0])


def _small(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Return a picture whose longer side has at most `DETECTION_SIDE` pixels, and what its pixels stand for."""
    height, width = picture.shape[:2]
    scale = max(1.0, max(height, width) / DETECTION_SIDE)
    if scale == 1:
        return picture, 1.0
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _choose(faces: Sequence[Box], picture: NDArray[np.uint8], last: Box | None) -> Box | None:
    """Return the square to cut out: round the face nearest to the last square, or round the largest face."""
    if not faces:
        return None
    squares = [_square(face, picture) for face in faces]
    if last is None:
        return max(squares, key=lambda box: box.width)
    return min(squares, key=lambda box: _distance(box, last))


def _distance(one: Box, other: Box) -> float:
    """Return how far two boxes' middles are apart, in pixels."""
    across = (one.x + one.width / 2) - (other.x + other.width / 2)
    down = (one.y + one.height / 2) - (other.y + other.height / 2)
    return float(np.hypot(across, down))


def _square(face: Box, picture: NDArray[np.uint8]) -> Box:
    """Return the square round a face with some margin, moved and if need be cut so that the picture holds it."""
    height, width = picture.shape[:2]
    side = min(MARGIN * max(face.width, face.height), height, width)
    x = face.x + face.width / 2 - side / 2
    y = face.y + face.height / 2 - side / 2
    return Box(min(max(x, 0.0), width - side), min(max(y, 0.0), height - side), side, side)
