from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tta_bench.protocols.scaling.curve import NotIdentifiable, Saturation, fit_saturation
from tta_bench.utils.keyed_random import generator

SIZES = [16, 32, 64, 128, 256]
CURVES = st.tuples(st.floats(0.3, 0.95), st.floats(0.05, 0.3), st.floats(0.2, 2.0))
"""Asymptote, gain and exponent."""


def curve(asymptote: float, gain: float, exponent: float, sizes: list[int]) -> list[float]:
    return [asymptote - gain * (size / sizes[0]) ** -exponent for size in sizes]


def fitted(sizes: list[int], values: list[float]) -> Saturation:
    found = fit_saturation(sizes, values)
    assert isinstance(found, Saturation), found
    return found


@given(CURVES)
@settings(max_examples=30, deadline=None)
def test_a_curve_is_found_again(parameters: tuple[float, float, float]) -> None:
    found = fitted(SIZES, curve(*parameters, SIZES))
    np.testing.assert_allclose((found.asymptote, found.gain, found.exponent), parameters, rtol=1e-4)
    np.testing.assert_allclose(found.at(SIZES), curve(*parameters, SIZES), atol=1e-8)
    assert found.low <= found.asymptote <= found.high


@given(CURVES, st.floats(0.01, 1000), st.permutations(range(10)), st.floats(-0.3, 0.3))
@settings(max_examples=30, deadline=None)
def test_units_and_order_do_not_matter(
    parameters: tuple[float, float, float], unit: float, order: list[int], shift: float
) -> None:
    noise = generator("noise").normal(0, 0.002, 10)
    sizes, values = SIZES * 2, np.array(curve(*parameters, SIZES) * 2) + noise
    found = fit_saturation(sizes, list(values))
    assume(isinstance(found, Saturation))
    turned = fitted([unit * sizes[k] for k in order], [values[k] + shift for k in order])
    np.testing.assert_allclose(turned.asymptote - shift, found.asymptote, rtol=1e-3)
    np.testing.assert_allclose(turned.exponent, found.exponent, rtol=1e-2)


@given(CURVES, st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_the_best_of_all_curves(parameters: tuple[float, float, float], seed: int) -> None:
    draw = generator("curve", seed)
    sizes, values = np.array(SIZES * 3), np.array(curve(*parameters, SIZES) * 3) + draw.normal(0, 0.01, 15)
    found = fit_saturation(list(sizes), list(values))
    assume(isinstance(found, Saturation))
    squares = ((found.at(sizes) - values) ** 2).sum()
    for _ in range(20):
        near = found._replace(
            asymptote=found.asymptote + draw.normal(0, 0.01),
            gain=found.gain + draw.normal(0, 0.01),
            exponent=found.exponent * np.exp(draw.normal(0, 0.1)),
        )
        assert ((near.at(sizes) - values) ** 2).sum() >= squares - 1e-12


def test_the_interval_holds_the_asymptote_about_as_often_as_it_says() -> None:
    held = found = 0
    for seed in range(150):
        noise = generator("coverage", seed).normal(0, 0.01, 20)
        fit = fit_saturation(SIZES * 4, list(np.array(curve(0.8, 0.3, 0.9, SIZES) * 4) + noise))
        if isinstance(fit, Saturation):
            found += 1
            held += fit.low <= 0.8 <= fit.high
    assert found > 140
    assert 0.9 <= held / found <= 1.0


@pytest.mark.parametrize(
    ("sizes", "values", "reason"),
    [
        ([1, 2, 4] * 3, [0.1, 0.2, 0.25] * 3, "needs 4 sizes, and there are 3"),
        (SIZES, [0.5] * 5, "a constant fits as well"),
        (SIZES, [0.75, 0.36, 0.42, 0.63, 0.5], "a constant fits as well"),
        (SIZES, curve(0.5, -0.2, 0.7, SIZES), "does not raise"),
        (SIZES, [0.1 + 0.05 * k for k in range(5)], "do not level off"),
        (SIZES * 3, [0.1 + 0.02 * 2**k for k in range(5)] * 3, "do not level off"),
        (SIZES, [0.1, 0.8, 0.8, 0.8, 0.8], "all but the smallest"),
    ],
)
def test_points_that_cannot_carry_a_curve(sizes: list[int], values: list[float], reason: str) -> None:
    found = fit_saturation(sizes, values)
    assert isinstance(found, NotIdentifiable)
    assert reason in found.reason


def test_noise_alone_is_seldom_taken_for_a_curve() -> None:
    fits = [fit_saturation(SIZES * 2, list(generator("alone", seed).normal(0.5, 0.05, 10))) for seed in range(200)]
    assert sum(isinstance(fit, Saturation) for fit in fits) <= 10  # 5 % pass the F-test, and half of these fall
