from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.data.clips import write_video
from tta_bench.data.media.decode import every_frame
from tta_bench.data.media.examine import examine
from tta_bench.data.media.fingerprint import (
    BITS,
    FRAMES,
    KEPT,
    SAME,
    Thumbnails,
    distance,
    fingerprint,
    same_pictures,
    shrink,
)
from tta_bench.errors import UserError

MARKS = st.integers(0, 2**BITS - 1).map(lambda bits: f"{bits:0{BITS // 4}x}")


def scene(seed: int, frames: int = 24, width: int = 160, height: int = 120) -> list[NDArray[np.uint8]]:
    """Return frames of smooth shapes that drift, different for each seed."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 255, (6, 10, 3), dtype=np.uint8)
    wide = np.asarray(cv2.resize(coarse, (2 * width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    return [np.ascontiguousarray(wide[:, 4 * n : 4 * n + width]) for n in range(frames)]


def encode(path: Path, frames: list[NDArray[np.uint8]], codec: str, size: tuple[int, int], **options: str) -> Path:
    """Write frames with an encoder, in a size (width, height)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25), options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for picture in frames:
            resized = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(resized, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("seed", [0, 1])
def test_other_codecs_bit_rates_and_sizes_are_the_same_pictures(seed: int, tmp_path: Path) -> None:
    frames = scene(seed)
    master = examine(encode(tmp_path / "master.avi", frames, "mpeg4", (160, 120), q="2"))
    copies = {
        "small.avi": ("mpeg4", (80, 60), {"b": "60000"}),
        "bad.avi": ("mpeg4", (160, 120), {"b": "40000"}),
        "large.mp4": ("libx264", (320, 240), {"crf": "35"}),
        "wide.mp4": ("libx264", (200, 120), {"crf": "28"}),
        "pictures.avi": ("mjpeg", (96, 72), {}),
    }
    for name, (codec, size, options) in copies.items():
        copy = examine(encode(tmp_path / name, frames, codec, size, **options))
        apart = distance(master.fingerprint, copy.fingerprint)
        assert same_pictures(master.fingerprint, copy.fingerprint), f"{name}: {apart} bits"
        assert (copy.width, copy.height) == size


def test_other_pictures_are_others(tmp_path: Path) -> None:
    marks = [examine(encode(tmp_path / f"{n}.avi", scene(n), "mpeg4", (160, 120))).fingerprint for n in range(5)]
    apart = [distance(marks[i], marks[j]) for i in range(5) for j in range(i)]
    assert min(apart) > 1.5 * SAME


def test_real_clips_are_found_again_and_told_apart(shared: Path, tmp_path: Path) -> None:
    clips = sorted((shared / "clips").iterdir())
    marks = {clip.name: examine(clip).fingerprint for clip in clips}
    for clip in clips:
        frames = [np.asarray(frame, np.uint8) for frame in every_frame(clip, 128)]
        height, width = (side // 2 * 2 for side in frames[0].shape[:2])
        copy = examine(encode(tmp_path / f"{clip.stem}.mp4", frames, "libx264", (width, height), crf="32"))
        assert {name for name, mark in marks.items() if same_pictures(mark, copy.fingerprint)} == {clip.name}


def test_a_turned_copy_and_a_folder_of_frames_look_the_same(tmp_path: Path) -> None:
    frames = scene(3, frames=9)
    upright = examine(encode(tmp_path / "upright.mp4", frames, "libx264", (160, 120)))
    (tmp_path / "frames").mkdir()
    for number, picture in enumerate(frames):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), picture[..., ::-1])
    folder = examine(tmp_path / "frames")
    assert (folder.frames, folder.width, folder.height) == (9, 160, 120)
    assert same_pictures(upright.fingerprint, folder.fingerprint)
    turned = examine(write_video(tmp_path / "turned.mp4", 9, "libx264", rotation=90))
    straight = examine(write_video(tmp_path / "straight.mp4", 9, "libx264"))
    assert (turned.width, turned.height) == (straight.height, straight.width)
    assert not same_pictures(turned.fingerprint, straight.fingerprint)


@given(MARKS, MARKS, MARKS)
def test_distance_is_a_metric(one: str, other: str, third: str) -> None:
    assert distance(one, one) == 0
    assert distance(one, other) == distance(other, one) <= BITS
    assert distance(one, third) <= distance(one, other) + distance(other, third)
    assert (distance(one, other) == 0) == (one == other)


def test_fingerprints_of_other_lengths_or_none_are_not_the_same() -> None:
    with pytest.raises(ValueError, match="of 64 and 128 bits"):
        distance("0" * 16, "0" * 32)
    assert not same_pictures("0" * 16, "0" * 32)
    assert not same_pictures("", "")


@given(st.floats(0.6, 1.0), st.integers(0, 40), st.integers(0, 100))
def test_brightness_and_contrast_do_not_matter(gain: float, offset: int, seed: int) -> None:
    picture = scene(seed, 1)[0].mean(axis=2)
    changed = np.clip(picture * gain + offset, 0, 255).astype(np.uint8)
    kept = np.asarray(np.clip(picture, 0, 255), np.uint8)
    if picture.max() * gain + offset <= 255:
        assert distance(fingerprint([kept]), fingerprint([changed])) <= 6


@given(st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_noise_on_nothing_is_nothing(level: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 2, (32, 32))
    assert fingerprint([np.asarray(np.clip(level + noise, 0, 255), np.uint8)]) == "0" * 16


@settings(max_examples=30)
@given(st.integers(1, 5 * KEPT))
def test_eight_frames_are_spread_over_any_length(frames: int) -> None:
    chosen = Thumbnails()
    made: list[int] = []

    def make(number: int) -> NDArray[np.uint8]:
        made.append(number)
        return np.array([[number >> 8, number & 255]], np.uint8)

    for number in range(frames):
        chosen.add(partial(make, number))
    numbers = [int(picture[0, 0]) * 256 + int(picture[0, 1]) for picture in chosen.spread()]
    middles = [(2 * part + 1) * frames / (2 * FRAMES) - 0.5 for part in range(FRAMES)]
    assert numbers == sorted(numbers)
    assert max(abs(n - m) for n, m in zip(numbers, middles, strict=True)) <= max(1.0, frames / KEPT)
    assert len(made) <= min(frames, 3 * KEPT)
    assert chosen.frames == frames


def test_nothing_is_chosen_of_nothing() -> None:
    assert Thumbnails().spread() == []
    assert fingerprint([]) == ""


def test_a_picture_is_shrunk_by_the_mean_of_its_area() -> None:
    board = np.asarray(np.kron(np.indices((64, 64)).sum(0) % 2 * 255, np.ones((4, 4))), np.uint8)
    assert abs(int(shrink(board).mean()) - 127) <= 1


def test_an_opencv_that_cannot_hash_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "img_hash")
    with pytest.raises(UserError, match="lacks the contributed modules"):
        fingerprint([shrink(np.ascontiguousarray(scene(0)[0]))])
