from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, t

from tta_bench.metrics.accuracy import drawn_means
from tta_bench.metrics.proportions import (
    Hits,
    effective_groups,
    ends,
    expanded_percentiles,
    groups_with_both,
    korn_graubard,
    widened,
)

some_hits = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=60).filter(
    lambda rows: len({group for _, group in rows}) > 1
)


def interval(
    right: list[bool] | np.ndarray, groups: list[int] | np.ndarray, resamples: int = 400
) -> tuple[float, float]:
    hits = Hits(np.asarray(right), np.asarray(groups))
    return ends(float(np.mean(right)), drawn_means(hits, resamples=resamples), hits.groups, hits)


def test_equal_groups_count_each_and_one_large_group_counts_alone() -> None:
    assert effective_groups(np.full(12, 5)) == pytest.approx(12)
    assert effective_groups(np.array([1000, 1, 1])) == pytest.approx(1, abs=0.01)


def test_binomial_ends_are_clopper_and_pearsons_for_independent_samples() -> None:
    """With as many groups as samples and no design effect this is the exact binomial interval."""
    low, high = korn_graubard(0.3, 50)
    assert (low, high) == pytest.approx((beta.ppf(0.025, 15, 36), beta.ppf(0.975, 16, 35)))
    assert korn_graubard(1.0, 50)[1] == 1
    assert korn_graubard(0.0, 50)[0] == 0


def test_fewer_groups_widen_both_kinds_of_ends() -> None:
    draws = np.random.default_rng(0).normal(0.5, 0.1, 10_000)
    widths = [np.diff(expanded_percentiles(draws, groups))[0] for groups in (5, 20, 1e6)]
    assert widths[0] > widths[1] > widths[2] == pytest.approx(0.2 * 1.96, abs=0.01)
    assert np.diff(korn_graubard(0.5, 5))[0] > np.diff(korn_graubard(0.5, 50))[0]


@settings(max_examples=80, deadline=None)
@given(some_hits)
def test_an_interval_holds_its_value_and_has_a_width(rows: list[tuple[bool, int]]) -> None:
    right, groups = (list(column) for column in zip(*rows, strict=True))
    low, high = interval(right, groups)
    assert 0 <= low <= np.mean(right) <= high <= 1
    assert high > low


@settings(max_examples=40, deadline=None)
@given(some_hits)
def test_hits_and_misses_mirror_each_other(rows: list[tuple[bool, int]]) -> None:
    right, groups = (list(column) for column in zip(*rows, strict=True))
    low, high = interval(right, groups)
    assert interval([not hit for hit in right], groups) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_groups_with_both() -> None:
    assert groups_with_both(Hits(np.array([1, 1, 0, 1], bool), np.array([0, 0, 1, 2]))) == 1
    assert groups_with_both(Hits(np.ones(4, bool), np.arange(4))) == 0


def test_luck_of_training_widens_with_students_t() -> None:
    low, high = widened(0.5, 0.5, 0.501, spread=1e-9, groups=100, seeds=0.01, freedom=2)
    assert (low, high) == pytest.approx((0.5 - 0.1 * t.ppf(0.975, 2), 0.5 + 0.1 * t.ppf(0.975, 2)), abs=1e-3)
    assert widened(0.5, 0.4, 0.7, spread=0.01, groups=100, seeds=0, freedom=0) == (0.4, 0.7)


@pytest.mark.parametrize(("chance", "alike"), [(0.9, 0.1), (0.99, 0.4)])
def test_intervals_of_20_groups_cover_where_percentiles_do_not(chance: float, alike: float) -> None:
    draw = np.random.default_rng(4)
    shape = chance * (1 - alike) / alike, (1 - chance) * (1 - alike) / alike
    groups = np.repeat(np.arange(20), 5)
    covered = percentile = 0
    for _ in range(200):
        right = draw.random(100) < np.repeat(draw.beta(*shape, 20), 5)
        low, high = interval(right, groups)
        covered += low <= chance <= high
        low, high = np.quantile(drawn_means(Hits(right, groups), resamples=400), [0.025, 0.975])
        percentile += low <= chance <= high
    assert covered / 200 > 0.93
    assert percentile / 200 < 0.93
