from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tta_bench.data.synthetic.face import Expression, Look, draw_face
from tta_bench.utils.keyed_random import generator

CALM = Expression(0.5, 0.0, 0.5, 0.0, 0.4)


def clip(expression: Expression, person: str = "one") -> NDArray[np.uint8]:
    return draw_face(Look.of(generator(person)), expression, 11, 64, generator("clip"))


def test_a_clip_is_made_of_its_draws() -> None:
    frames = clip(CALM)
    assert (frames.shape, frames.dtype) == ((11, 64, 64, 3), np.uint8)
    assert np.array_equal(frames, clip(CALM))
    assert not np.array_equal(frames, clip(CALM, "another"))


@pytest.mark.parametrize("sign", Expression._fields)
def test_every_sign_is_seen_and_most_of_all_at_three_fifths(sign: str) -> None:
    change = np.abs(clip(CALM._replace(**{sign: 1.0})).astype(float) - clip(CALM)).mean(axis=(1, 2, 3))
    assert change.max() > 0.3
    if sign != "motion":  # the head moves throughout
        assert change[6] > change[0]


def test_a_smile_bends_the_mouth_and_leaves_the_eyes() -> None:
    change = np.abs(clip(CALM._replace(smile=1.0))[6].astype(float) - clip(CALM)[6])
    assert change[:32].max() == 0
    assert change[36:56].max() > 50
