from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.data.overlap.some_clips import COARSE, Path4, copied, frames, write
from tta_bench.data.overlap.traces import CROPS, RATE, VALUES, describe, mirrored, trace, traces


def cloudy(seed: int, side: int = 400) -> np.ndarray:
    """A picture with something at every scale."""
    draw = np.random.default_rng(seed)
    layers = [cv2.resize(draw.random((n, n)), (side, side), interpolation=cv2.INTER_CUBIC) / n for n in (4, 9, 20, 50)]
    grey = np.sum(layers, axis=0)
    grey = 255 * (grey - grey.min()) / np.ptp(grey)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def way(seed: int, step: tuple[float, float] = (25.0, 10.0)) -> Path4:
    return Path4(cloudy(seed), (150, 200), step, 150)


def test_a_trace_has_a_few_pictures_a_second_of_length_1(tmp_path: Path) -> None:
    found = trace(write(tmp_path / "clip.avi", frames(way(1), 0, 3)))
    assert np.diff(found.times) == pytest.approx(1 / RATE, abs=0.05)
    assert found.described.shape == (3 * RATE, len(CROPS), VALUES)
    assert np.linalg.norm(found.described.astype(float), axis=2) == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("share", [1.0, 0.92])
def test_a_copy_is_described_alike_and_another_picture_is_not(share: float, tmp_path: Path) -> None:
    whole = trace(write(tmp_path / "clip.avi", frames(way(1), 0, 2))).described.astype(float)
    made = (copied(frame, (0.3, 0.7), share, 120) for frame in frames(way(1), 0, 2))
    copy = trace(write(tmp_path / "copy.mp4", made, COARSE)).described.astype(float)
    other = trace(write(tmp_path / "other.avi", frames(way(2), 0, 2))).described.astype(float)
    assert (whole * copy[:, :1]).sum(axis=2).max(axis=1).min() > 0.72
    assert (whole * other[:, :1]).sum(axis=2).max() < 0.72


def test_mirrored_descriptors_are_those_of_the_mirrored_picture() -> None:
    picture = cv2.resize(cloudy(3)[..., 0], (32, 32), interpolation=cv2.INTER_AREA)
    assert mirrored(describe(picture)) == pytest.approx(describe(np.ascontiguousarray(picture[:, ::-1])), abs=2e-3)


def test_black_has_no_pictures_and_what_is_broken_is_named(tmp_path: Path) -> None:
    black = write(tmp_path / "black.avi", (np.zeros((60, 80, 3), np.uint8) for _ in range(12)))
    (tmp_path / "broken.avi").write_bytes(b"no video")
    found, broken = traces({"black": black, "broken": tmp_path / "broken.avi"}, workers=2)
    assert len(found["black"].times) == 0
    assert list(broken) == ["broken"]
