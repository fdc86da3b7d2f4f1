from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.overlap.test_traces import cloudy, way
from tta_bench.data.overlap.laying import LARGE, MIDDLE, SMALL, WHOLE, Cut, fitted, stacks, unlike
from tta_bench.data.overlap.shots import SIDE


def seen(seconds: float) -> np.ndarray:
    return np.asarray(way(4).at(seconds, (SIDE, SIDE))[..., 0])


def cropped(picture: np.ndarray, share: float, left: int, top: int) -> np.ndarray:
    side = round(share * SIDE)
    return np.asarray(cv2.resize(picture[top : top + side, left : left + side], (SIDE, SIDE)))


@given(st.floats(0.88, 1.0), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_the_cut_of_a_copy_is_found(share: float, left: float, top: float) -> None:
    fellows = [seen(k / 2) for k in range(3)]
    rest = SIDE - round(share * SIDE)
    across, down = round(left * rest), round(top * rest)
    pictures = [cropped(fellow, share, across, down) for fellow in fellows]
    rough = fitted(stacks(fellows, pictures, SMALL), MIDDLE)
    assert rough is not None
    cut = fitted(pairs := stacks(fellows, pictures, LARGE), rough)
    assert cut is not None
    assert cut.scale == pytest.approx((round(share * SIDE) / SIDE,) * 2, abs=0.02)
    assert cut.offset == pytest.approx((across, down), abs=1.2)
    assert cut.is_within(0.03)
    assert unlike(pairs, cut).max() < 0.01


def test_pictures_of_a_moved_camera_stand_over_and_others_are_unlike() -> None:
    moved = stacks([seen(0)], [seen(0.8)], LARGE)
    cut = fitted(moved, MIDDLE)
    assert cut is None or not cut.is_within(0.03)
    other = np.asarray(cv2.resize(cloudy(9)[..., 0], (SIDE, SIDE)))
    assert unlike(stacks([seen(0)], [other], LARGE), WHOLE)[0] > 0.2


@pytest.mark.parametrize("side", [SMALL, LARGE, 100])
def test_an_offset_is_of_middles_of_pixels(side: int) -> None:
    cut = Cut((0.5, 0.5), (SIDE / 4 - 0.25, SIDE / 4 - 0.25))  # the middle half
    assert cut.in_pixels(side) == pytest.approx((side / 4 - 0.25,) * 2)
    assert Cut((1.0, 1.0), (8.0, 0.0)).away(Cut((1.0, 1.0), (0.0, -3.0))) == 8.0
