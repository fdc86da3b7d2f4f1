from __future__ import annotations

from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.data.clips import HEIGHT, WIDTH, as_sent, cut, read_barcode, write_packed_avi, write_video
from tta_bench.data.transforms.augment import Box
from tta_bench.data.transforms.faces import (
    BROKEN_OFF,
    NO_FACE,
    READY,
    UNREADABLE,
    FaceFrames,
    crop_faces,
    cut_out,
)
from tta_bench.data.transforms.sampling import uniform_indices


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    """A photograph of a woman in uniform that comes with matplotlib; her eyes are at about (255, 115)."""
    file = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return np.asarray(cv2.imread(str(file))[..., ::-1])


def test_frames_are_counted_and_upright(tmp_path: Path) -> None:
    extract = FaceFrames(size=HEIGHT, frames=4, cropper="none")
    packed, notes = extract(write_packed_avi(tmp_path / "packed.avi", frames=40))
    assert notes == {}
    assert packed is not None
    assert packed.shape == (4, HEIGHT, HEIGHT, 3)
    bars = [np.asarray(cv2.resize(picture, (WIDTH, HEIGHT))) for picture in packed]
    assert [read_barcode(picture) for picture in bars] == uniform_indices(40, 4)[0].tolist()
    upright, _ = extract(write_video(tmp_path / "plain.mp4", frames=8))
    turned, _ = extract(write_video(tmp_path / "turned.mp4", frames=8, rotation=90))
    assert upright is not None
    assert turned is not None
    assert np.abs(np.rot90(upright, 1, axes=(1, 2)).astype(int) - turned).mean() < 3


def test_one_frame_a_second_of_a_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=77)
    crops, _ = FaceFrames(size=HEIGHT, sampling="1fps")(path)
    assert crops is not None
    assert [read_barcode(np.asarray(cv2.resize(picture, (WIDTH, HEIGHT)))) for picture in crops] == [12, 37, 62]
    fewer, _ = FaceFrames(size=HEIGHT, frames=2, sampling="1fps")(path)
    assert fewer is not None
    np.testing.assert_array_equal(fewer, crops[[0, 2]])


def test_ready_crops_are_taken_as_they_are(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    folder = tmp_path / "00001"
    folder.mkdir()
    for number in range(12):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((32, 32, 3), 20 * number, np.uint8))
    crops, notes = FaceFrames(size=32, frames=3, cropper="haar")(folder)
    assert notes == {READY: 1}
    assert crops is not None
    assert crops[:, 0, 0, 0].tolist() == [40, 120, 200]
    every, _ = FaceFrames(size=32, sampling="1fps")(folder)
    assert every is not None
    assert every[:, 0, 0, 0].tolist() == list(range(0, 240, 20))


def test_an_unreadable_clip_is_noted(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_bytes(b"no video")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "text.mp4", tmp_path / "empty", tmp_path / "absent.mp4"):
        assert FaceFrames(size=32)(path) == (None, {UNREADABLE: 1})


def test_a_clip_that_breaks_off_is_used_up_to_there(tmp_path: Path) -> None:
    options = {"movflags": "faststart"}  # else all is lost with the end
    whole = write_video(tmp_path / "whole.mp4", frames=80, codec="libx264", container_options=options)
    path = cut(whole, tmp_path / "cut.mp4", 0.7)
    crops, notes = FaceFrames(size=HEIGHT, frames=4)(path)
    assert notes == {BROKEN_OFF: 1}
    assert crops is not None
    shown = [read_barcode(np.asarray(cv2.resize(picture, (WIDTH, HEIGHT)))) for picture in crops]
    assert sorted(set(shown)) == shown
    assert 20 < shown[-1] < 75


class Scripted:
    """A detector that finds faces where it is told."""

    def __init__(self, *boxes: Box[float] | None) -> None:
        self.boxes = iter(boxes)

    def __call__(self, picture: NDArray[np.uint8], last: Box[float] | None) -> Box[float] | None:
        return next(self.boxes)


def test_without_a_face_the_last_box_is_kept_and_before_it_the_whole_frame() -> None:
    y, x = np.mgrid[:40, :40]
    pictures = np.stack([np.stack([y, x, np.full_like(x, k)], axis=2) for k in range(4)]).astype(np.uint8)
    box = Box(20, 10, 8, 8)
    crops, missing = crop_faces(pictures, Scripted(None, box, None, Box(0, 0, 8, 8)), 8)
    assert missing == 2
    assert crops.shape == (4, 8, 8, 3)
    np.testing.assert_array_equal(crops[0], cut_out(pictures[0], Box(0, 0, 40, 40), 8))
    np.testing.assert_array_equal(crops[1], pictures[1, 20:28, 10:18])
    np.testing.assert_array_equal(crops[2], pictures[2, 20:28, 10:18])
    np.testing.assert_array_equal(crops[3], pictures[3, :8, :8])


def test_frames_without_a_face_are_counted(tmp_path: Path) -> None:
    crops, notes = FaceFrames(size=32, frames=5, cropper="haar")(write_video(tmp_path / "a.mp4", frames=10))
    assert notes == {NO_FACE: 5}
    assert crops is not None
    assert crops.shape == (5, 32, 32, 3)


@given(
    st.floats(-50, 150),
    st.floats(-50, 150),
    st.floats(0, 200),
    st.floats(0, 200),
    st.sampled_from([1, 16, 50]),
)
def test_whatever_the_box_a_square_is_cut(top: float, left: float, height: float, width: float, size: int) -> None:
    assert cut_out(np.zeros((60, 100, 3), np.uint8), Box(top, left, height, width), size).shape == (size, size, 3)


@pytest.mark.parametrize("cropper", ["none", "haar"])
def test_an_extractor_that_was_sent_to_a_process_gives_the_same_faces(tmp_path: Path, cropper: str) -> None:
    path = write_video(tmp_path / "a.mp4")
    faces = FaceFrames(size=16, frames=3, cropper=cropper)
    expected, _ = faces(path)
    found, _ = as_sent(faces)(path)  # its detector, which was used, stays behind
    assert expected is not None
    assert np.array_equal(found, expected)
