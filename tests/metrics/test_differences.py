from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.metrics.accuracy import drawn_means
from tta_bench.metrics.differences import adjusted_p, difference_ends, newcombe, simultaneous_level
from tta_bench.metrics.proportions import Hits
from tta_bench.metrics.ranks import SeedNoise, better


def ends(a: np.ndarray, b: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    both = Hits(a, groups), Hits(b, groups)
    drawn = drawn_means(both[0], resamples=500), drawn_means(both[1], resamples=500)
    return difference_ends((float(a.mean()), float(b.mean())), drawn, groups, both)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 8)), min_size=2, max_size=50))
def test_swapping_mirrors_and_no_interval_has_no_width(rows: list[tuple[bool, bool, int]]) -> None:
    a, b, groups = (np.array(column) for column in zip(*rows, strict=True))
    groups[:2] = [0, 1]
    low, high = ends(a, b, groups)
    assert (-high, -low) == pytest.approx(ends(b, a, groups))
    assert low <= a.mean() - b.mean() <= high
    assert low < high


def test_newcombe_against_his_table() -> None:
    """Newcombe 1998, Statistics in Medicine 17, 2635: of 50 pairs 36 and 0 agree, 12 and 2 do not."""
    single = (0.8654, 0.9890), (0.6259, 0.8570)  # Wilson's, of 48/50 and 38/50
    correlation = max(36 * 0 - 12 * 2 - 25, -12 * 2) / np.sqrt(48 * 2 * 38 * 12)
    low, high = newcombe((0.96, 0.76), single, correlation)
    assert (low, high) == pytest.approx((0.0569, 0.3404), abs=2e-4)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_pairing_narrows_the_interval(share: float) -> None:
    draw = np.random.default_rng(0)
    easy, groups = draw.random(4000), np.arange(4000) // 4
    a, b = easy < share, easy < share - 0.02
    low, high = ends(a, b, groups)
    apart_low, apart_high = ends(a, draw.permutation(b), groups)
    assert low > 0
    assert high - low < 0.7 * (apart_high - apart_low)


@pytest.mark.parametrize("seed", range(4))
def test_p_and_ranks_tell_the_same_pairs_apart(seed: int) -> None:
    draw = np.random.default_rng(seed)
    parts = draw.normal(size=(60, 5)) + 0.3 * np.arange(5)
    for noise in (None, SeedNoise(np.full(5, 4.0), 8)):
        p = adjusted_p(parts, noise, 999)
        above = better(parts, noise, resamples=999)
        assert np.array_equal(p <= 0.05, above | above.T)
        assert np.array_equal(p, p.T)
        assert (p > 0).all()
        assert 0.95 < simultaneous_level(parts, noise, 999) < 1


def test_equal_hits_and_one_group_are_never_told_apart() -> None:
    assert (adjusted_p(np.ones((30, 3)), resamples=99) == 1).all()
    assert (adjusted_p(np.array([[1.0, 0.0]]), resamples=99) == 1).all()
    assert simultaneous_level(np.ones((30, 2)), resamples=99) == 0.95
