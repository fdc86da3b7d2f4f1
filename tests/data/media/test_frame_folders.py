from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import count_frames
from tta_bench.data.media.frame_folders import frame_files, missing_numbers, read_picture


def fill(folder: Path, names: Sequence[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("frames", "others"),
    [
        (["img_00001.jpg", "img_00002.jpg"], ["flow_x_00001.jpg", "flow_x_00002.jpg", "flow_y_00001.jpg"]),
        (["frame_1.jpg", "frame_2.jpg", "frame_10.jpg"], ["frame_1_mask.png", "frame_2_mask.png"]),
        (["image_1.png", "image_2.png"], ["depth_1.png", "thumbnail.jpg", ".image_3.png", "image_1.npy"]),
        (["0001.JPG", "0002.jpeg"], ["x_0001.jpg", "y_0001.jpg", "cover.jpg"]),
        (["b.png", "c.png"], []),
        (["t0.5.jpg", "t1.jpg"], ["Thumbs.db"]),
    ],
)
def test_only_images_of_the_clip_are_frames(tmp_path: Path, frames: list[str], others: list[str]) -> None:
    fill(tmp_path, [*others, *frames])
    assert [file.name for file in frame_files(tmp_path)] == frames


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["left_1.jpg", "left_2.jpg", "right_1.jpg"], r"2 kinds .*: left_#\.jpg \(2\), right_#\.jpg \(1\)"),
        (["1.jpg", "1.png", "2.jpg"], r"2 kinds .*: #\.jpg \(2\), #\.png \(1\)"),
        (["flow_x_1.jpg", "flow_y_1.jpg"], r"2 kinds .*flow_x_#\.jpg \(1\), flow_y_#\.jpg \(1\)"),
        (["notes.txt"], "no frames"),
    ],
)
def test_images_of_several_kinds_are_named(tmp_path: Path, names: list[str], said: str) -> None:
    with pytest.raises(UnreadableVideo, match=said):
        count_frames(fill(tmp_path / "clip", names))


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x02\0\0\0"


HUGE = {
    "a.png": png(60_000, 60_000),
    "a.bmp": b"BM" + bytes(16) + struct.pack("<ii", 50_000, -50_000) + bytes(30),
    "a.webp": b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + b"\xff\xff\0\xff\xff\0",
    "a.jpg": b"\xff\xd8\xff\xe0\0\x04ab\xff\xc2\0\x11\x08" + struct.pack(">HH", 65_000, 65_000) + bytes(20),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_picture_that_says_it_is_huge_is_not_decoded(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(HUGE[name])
    with pytest.raises(UnreadableVideo, match=rf"{name}: its pictures have .* and at most 67,108,864") as caught:
        count_frames(tmp_path)
    assert caught.value.path == tmp_path


def test_opencv_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise cv2.error("too large for its own limit")

    fill(tmp_path, ["1.png"])
    monkeypatch.setattr(cv2, "imread", fail)
    with pytest.raises(UnreadableVideo, match=r"1\.png cannot be read"):
        count_frames(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg", ".webp"])
def test_pictures_are_rgb(tmp_path: Path, suffix: str) -> None:
    cv2.imwrite(str(tmp_path / f"a{suffix}"), np.full((16, 24, 3), (10, 20, 200), np.uint8))
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.shape == (16, 24, 3)
    assert abs(picture.mean((0, 1)) - (200, 20, 10)).max() < 12


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([1, 2, 3, 4], 0),
        ([1, 2, 4, 5, 6], 1),
        ([10, 15, 20, 40], 3),
        ([7], 0),
        ([1, 1, 2], 0),
        ([1, 2, 3, 10_000], 9996),
    ],
)
def test_images_that_are_missing_between_the_others(numbers: Sequence[int], missing: int) -> None:
    assert missing_numbers([Path(f"v2_img_{number:05d}.jpg") for number in numbers]) == missing


def test_names_without_numbers_say_nothing_of_missing_images() -> None:
    assert missing_numbers([Path("a.jpg"), Path("b.jpg"), Path("c1.jpg")]) == 0
