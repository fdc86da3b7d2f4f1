from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.data.clips import write_video
from tests.data.tiny_yunet import write_tiny_yunet
from tta_bench.data.transforms.augment import Box
from tta_bench.data.transforms.face_detectors import FACE_MARGIN, Haar, centre_square, face_detector, whole_frame
from tta_bench.data.transforms.faces import (
    FaceFrames,
)
from tta_bench.errors import UserError


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    """A photograph of a woman in uniform that comes with matplotlib; her eyes are at about (255, 115)."""
    file = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return np.asarray(cv2.imread(str(file))[..., ::-1])


def test_centre_and_whole_frame() -> None:
    picture = np.zeros((60, 100, 3), np.uint8)
    assert centre_square(picture) == Box(0, 20, 60, 60)
    assert whole_frame(picture) == Box(0, 0, 60, 100)


def test_haar_finds_a_face_and_cuts_a_square_round_it(portrait: NDArray[np.uint8]) -> None:
    box = Haar()(portrait, None)
    assert box is not None
    assert box.width == box.height
    assert box.left < 255 < box.left + box.width
    assert box.top < 115 < box.top + box.height
    assert box.width < 0.8 * portrait.shape[1]


def test_haar_stays_with_the_last_face(portrait: NDArray[np.uint8]) -> None:
    small = np.asarray(cv2.resize(portrait, None, fx=0.7, fy=0.7))
    both = np.zeros((portrait.shape[0], portrait.shape[1] + small.shape[1], 3), np.uint8)
    both[:, : portrait.shape[1]] = portrait
    both[: small.shape[0], portrait.shape[1] :] = small
    largest = Haar()(both, None)
    assert largest is not None
    assert largest.left < portrait.shape[1] / 2
    near = Haar()(both, Box(30, portrait.shape[1] + 120, 100, 100))
    assert near is not None
    assert near.left > portrait.shape[1]


def test_yunet_finds_what_its_model_calls_a_face(tmp_path: Path) -> None:
    model = write_tiny_yunet(tmp_path / "tiny.onnx")
    picture = np.zeros((480, 640, 3), np.uint8)
    assert face_detector("yunet", model)(picture, None) is None
    picture[192:256, 256:320, 0] = 255  # red; one cell of 32 pixels in the half size that is looked at
    box = face_detector("yunet", model)(picture, None)
    assert box is not None
    side = FACE_MARGIN * np.exp(0.5) * 64
    assert box == pytest.approx((224 - side / 2, 288 - side / 2, side, side), abs=0.5)
    crops, notes = FaceFrames(size=32, frames=2, cropper="yunet", model=model)(write_video(tmp_path / "a.mp4"))
    assert notes == {}, "the videos of the tests have a red corner"
    assert crops is not None
    assert crops[:, -8:, -8:, 0].min() > 200
    identities = {FaceFrames(size=32, cropper=name, model=model).identity()["model"] for name in ("haar", "yunet")}
    assert identities == {None, hashlib.sha256(model.read_bytes()).hexdigest()}


def test_croppers_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(UserError, match="unknown cropper 'har'"):
        FaceFrames(size=32, cropper="har")
    with pytest.raises(UserError, match="needs its model file"):
        FaceFrames(size=32, cropper="yunet")
    with pytest.raises(UserError, match="does not exist"):
        face_detector("yunet", tmp_path / "absent.onnx")
    with pytest.raises(UserError, match="is no YuNet model"):
        face_detector("yunet", tmp_path / "text.onnx")
