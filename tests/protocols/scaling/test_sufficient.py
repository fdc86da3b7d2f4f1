from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.protocols.scaling.sufficient import mean_over_seeds, seed_spread, smallest_sufficient
from tta_bench.utils.keyed_random import generator

GROUPS = np.arange(2000) // 4
SIZES = [16, 32, 64, 128, 256]


def hits(accuracy: float, *key: int | str, seeds: int = 3, n: int = 2000) -> np.ndarray:
    """Hits of seeds that agree on most clips."""
    easy = generator("easy").random(n)
    own = generator("hits", *key).random((seeds, n))
    return np.where(own < 0.9, easy, generator("more", *key).random((seeds, n))) < accuracy


def test_what_equals_the_largest_is_sufficient_if_seeds_agree() -> None:
    found = smallest_sufficient({size: hits(0.95, "same") for size in (10, 20, 40)}, GROUPS, 0.02)
    assert (found.size, found.needed) == (10, "")
    assert found.bounds[10].low < found.bounds[10].value == 0 < found.bounds[10].high


@pytest.mark.parametrize("accuracy", [0.0, 1.0, 0.5])
def test_no_bound_has_no_width(accuracy: float) -> None:
    found = smallest_sufficient({size: hits(accuracy, "same") for size in (10, 20)}, GROUPS)
    assert found.bounds[10].low < 0 < found.bounds[10].high
    mean = mean_over_seeds(hits(accuracy, "same"), GROUPS)
    assert mean.low < mean.high


@pytest.mark.parametrize("accuracy", [0.0, 0.5, 0.9, 1.0])
def test_one_seed_never_names_a_size(accuracy: float) -> None:
    found = smallest_sufficient({size: hits(accuracy, "same", seeds=1) for size in (10, 20, 40)}, GROUPS, 0.5)
    assert found.size is None
    assert "needed: 3 seeds or more" in found.needed
    assert {bound.freedom for bound in found.bounds.values()} == {0}


def test_one_group_and_one_size_name_none_either() -> None:
    one = smallest_sufficient({1: hits(0.9, "a"), 2: hits(0.9, "b")}, np.zeros(2000, int))
    assert one.size is None
    assert "one group" in one.needed
    assert (one.bounds[1].low, one.bounds[1].high) == (-1, 1)
    assert smallest_sufficient({7: hits(0.5)}, GROUPS).size is None


def test_what_is_far_worse_is_not_and_neither_is_what_lies_below_it() -> None:
    same = hits(0.95, "same")
    found = smallest_sufficient({5: same, 10: hits(0.7, "worse"), 20: same, 40: same}, GROUPS, 0.02)
    assert (found.size, found.needed) == (20, "")
    itself = smallest_sufficient({10: hits(0.7, "worse"), 40: same}, GROUPS)
    assert (itself.size, itself.needed) == (40, "")


@pytest.mark.parametrize("apart", [0.0, 0.003])
def test_seeds_that_differ_leave_it_open_and_the_need_is_said(apart: float) -> None:
    def spread(offset: float, key: str) -> np.ndarray:
        return np.concatenate([hits(0.9 + offset + d, key, seeds=1) for d in (-0.02, 0.0, 0.02)])

    found = smallest_sufficient({10: spread(-apart, "b"), 20: spread(0, "b")}, GROUPS)
    assert found.size is None
    assert found.bounds[10].high > 0.01
    assert "10 is neither shown to be within 1 point of the largest nor beyond it; needed if the" in found.needed


def test_the_variance_of_seeds_is_unbiased_and_pooled() -> None:
    rows = [np.array([[1, 0], [1, 1]]), np.array([[0, 0], [1, 0], [1, 1]])]
    found = seed_spread(rows)
    assert found.freedom == 3
    assert found.variance == pytest.approx((0.125 + 0.5) / 3)
    assert seed_spread([np.array([[1, 0]])]) == (0.0, 0)


def test_seeds_that_differ_widen_the_interval() -> None:
    apart = np.concatenate([hits(level, "one", seeds=1) for level in (0.4, 0.6, 0.8)])
    narrow, wide = mean_over_seeds(apart, GROUPS), mean_over_seeds(apart, GROUPS, seed_spread([apart]))
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)
    assert (wide.n, wide.n_groups) == (2000, 500)


@given(st.integers(0, 99), st.floats(0.0, 0.3))
@settings(max_examples=10, deadline=None)
def test_a_wider_margin_never_asks_for_more_data(seed: int, margin: float) -> None:
    values = {size: hits(0.6 + 0.05 * k, seed, size, n=400) for k, size in enumerate(SIZES)}
    found = smallest_sufficient(values, GROUPS[:400], margin, resamples=200)
    wider = smallest_sufficient(values, GROUPS[:400], margin + 0.05, resamples=200)
    assert found.size is None or found.size in SIZES
    if found.size is not None and found.size < SIZES[-1]:
        assert wider.size is not None
        assert wider.size <= found.size


def test_a_size_at_the_margin_is_seldom_called_sufficient() -> None:
    """The short form of the simulation in tests/acceptance/test_statistics.py."""
    draw, groups, called = np.random.default_rng(3), np.repeat(np.arange(150), 4), 0
    for _ in range(60):
        chances = {1: 0.87 + 0.02 * draw.normal(size=3), 2: 0.9 + 0.02 * draw.normal(size=3)}
        values = {size: draw.random((3, 600)) < chance[:, None] for size, chance in chances.items()}
        called += smallest_sufficient(values, groups, 0.03, resamples=200).size == 1
    assert called <= 8  # 3 are expected, more than 8 in one study of a hundred
