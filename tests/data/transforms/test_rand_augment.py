from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from tta_bench.data.transforms import rand_augment
from tta_bench.data.transforms.rand_augment import NAMES, STRENGTHS, Operation, Policy
from tta_bench.errors import UserError
from tta_bench.utils.keyed_random import generator

LEVELS = (128, 128, 128)


def affine(image: Image.Image, *matrix: float) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=LEVELS)


def lookup(image: Image.Image, table: list[int]) -> Image.Image:
    return image.point(table * 3)


PILLOW = {
    "AutoContrast": lambda image, _: ImageOps.autocontrast(image),
    "Equalize": lambda image, _: ImageOps.equalize(image),
    "Invert": lambda image, _: ImageOps.invert(image),
    "Rotate": lambda image, v: image.rotate(v, Image.Resampling.BICUBIC, fillcolor=LEVELS),
    "Posterize": lambda image, v: ImageOps.posterize(image, int(v)),
    "Solarize": lambda image, v: ImageOps.solarize(image, int(v)),
    "SolarizeAdd": lambda image, v: lookup(image, [min(255, k + int(v)) if k < 128 else k for k in range(256)]),
    "Color": lambda image, v: ImageEnhance.Color(image).enhance(1 + v),
    "Contrast": lambda image, v: ImageEnhance.Contrast(image).enhance(1 + v),
    "Brightness": lambda image, v: ImageEnhance.Brightness(image).enhance(1 + v),
    "Sharpness": lambda image, v: ImageEnhance.Sharpness(image).enhance(1 + v),
    "ShearX": lambda image, v: affine(image, 1, v, 0, 0, 1, 0),
    "ShearY": lambda image, v: affine(image, 1, 0, 0, v, 1, 0),
    "TranslateX": lambda image, v: affine(image, 1, 0, v * image.width, 0, 1, 0),
    "TranslateY": lambda image, v: affine(image, 1, 0, 0, 0, 1, v * image.height),
}


def draw_strength(name: str, level: float, sign: int) -> float:
    rule = STRENGTHS[name]
    return 0.0 if rule is None else rule[1](level) * (sign if rule[0] else 1)


@st.composite
def clips_of_pixels(draw):
    shape = (2, draw(st.integers(3, 40)), draw(st.integers(3, 40)), 3)
    low = draw(st.integers(0, 255))
    return generator(draw(st.integers(0, 2**32))).integers(low, draw(st.integers(low, 255)) + 1, shape, np.uint8)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(clip=clips_of_pixels(), level=st.floats(0, 9.9), sign=st.sampled_from([-1, 1]))
def test_an_operation_does_to_every_frame_what_pillow_does(name, clip, level, sign):
    strength = draw_strength(name, level, sign)
    changed = rand_augment.apply_operation(clip, Operation(name, strength))
    expected = np.stack([np.asarray(PILLOW[name](Image.fromarray(frame), strength)) for frame in clip])
    difference = np.abs(changed.astype(int) - expected)
    assert changed.dtype == np.uint8
    assert changed.shape == clip.shape
    # Sums of products are truncated to grey levels, and their last bit may carry them over a whole number.
    assert difference.max() <= (1 if name.startswith(("Shear", "Translate", "Sharpness")) else 0)


def test_an_unknown_operation_is_refused():
    with pytest.raises(ValueError, match="Blur"):
        rand_augment.apply_operation(np.zeros((1, 4, 4, 3), np.uint8), Operation("Blur", 1.0))


def test_a_policy_is_read_in_any_order():
    assert rand_augment.parse_policy("rand-m7-n4-mstd0.5-inc1") == Policy(7.0, 4, 0.5)
    assert rand_augment.parse_policy("rand-inc1-n2-m9") == Policy(9.0, 2, 0.0)


@pytest.mark.parametrize(
    "text",
    [
        *("", "rand", "rand-m7-n4", "rand-m7-n4-inc0", "rand-m7-inc1", "rand-m7-n1.5-inc1", "rand-m11-n2-inc1"),
        *("augmix-m3-w3", "v0", "rand-m7-n4-mstd0.5-inc1-w0", "rand-m7 -n4-inc1", "rand-mx-n4-inc1"),
    ],
)
def test_other_notation_is_refused(text):
    with pytest.raises(UserError, match="only increasing operations"):
        rand_augment.parse_policy(text)


def test_operations_are_drawn_evenly_each_with_probability_one_half():
    rng = generator("policy")
    drawn = [rand_augment.draw_operations(Policy(7.0, 4, 0.5), rng) for _ in range(6000)]
    counts = Counter(len(operations) for operations in drawn)
    for count, share in enumerate((1, 4, 6, 4, 1)):
        assert counts[count] / 6000 == pytest.approx(share / 16, abs=0.02)
    names = Counter(operation.name for operations in drawn for operation in operations)
    assert set(names) == set(NAMES)
    for name in NAMES:
        assert names[name] / names.total() == pytest.approx(1 / 15, abs=0.01)


def test_strengths_follow_the_magnitude_and_its_deviation_on_both_sides():
    rng = generator("strengths")
    drawn = [operation for _ in range(9000) for operation in rand_augment.draw_operations(Policy(7.0, 4, 0.5), rng)]
    degrees = np.array([operation.strength for operation in drawn if operation.name == "Rotate"])
    assert np.abs(degrees).mean() == pytest.approx(21.0, abs=0.2)
    assert np.abs(degrees).std() == pytest.approx(1.5, abs=0.15)
    assert (degrees > 0).mean() == pytest.approx(0.5, abs=0.05)
    assert {operation.strength for operation in drawn if operation.name == "Posterize"} == {1, 2}


def test_without_a_deviation_the_magnitude_is_exact():
    drawn = rand_augment.draw_operations(Policy(10.0, 200, 0.0), generator(0))
    assert {abs(operation.strength) for operation in drawn if operation.name == "Rotate"} == {30.0}
