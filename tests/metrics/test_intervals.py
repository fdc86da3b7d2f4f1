from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from tta_bench.metrics.intervals import (
    Interval,
    drawn_with,
    group_bootstrap,
    in_place,
    percentiles,
    resample_groups,
    resample_weights,
    resampled_means,
)

samples = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=60)


def bootstrap(hits: object, groups: object, cells: object = None) -> Interval:
    """Resample fewer times than a report does, to save time."""
    return group_bootstrap(
        np.asarray(hits), np.asarray(groups), None if cells is None else np.asarray(cells), resamples=400
    )


@settings(max_examples=100, deadline=None)
@given(samples)
def test_interval_contains_its_value(rows: list[tuple[bool, int]]) -> None:
    hits, groups = zip(*rows, strict=True)
    found = bootstrap(hits, groups)
    assert found.value == np.mean(hits)
    assert found.low <= found.value <= found.high
    assert (found.n, found.n_groups) == (len(rows), len(set(groups)))


@settings(max_examples=60, deadline=None)
@given(samples, st.randoms(use_true_random=False))
def test_order_of_the_samples_does_not_matter(rows: list[tuple[bool, int]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert bootstrap(*zip(*rows, strict=True)) == bootstrap(*zip(*shuffled, strict=True))


@settings(max_examples=60, deadline=None)
@given(samples)
def test_names_of_the_groups_do_not_matter(rows: list[tuple[bool, int]]) -> None:
    hits, groups = zip(*rows, strict=True)
    assert bootstrap(hits, groups) == bootstrap(hits, [f"film {group}" for group in groups])


def test_other_names_in_another_order_change_only_the_draws() -> None:
    draw = np.random.default_rng(0)
    groups, hits = draw.integers(0, 150, 900), draw.random(900) < 0.7
    renamed = draw.permutation(150)[groups]
    assert group_bootstrap(hits, groups)[1:3] == pytest.approx(group_bootstrap(hits, renamed)[1:3], abs=2e-3)


@pytest.mark.parametrize("right", [True, False])
def test_all_right_or_all_wrong_leaves_no_width(right: bool) -> None:
    assert bootstrap([right] * 6, [0, 0, 1, 1, 2, 2])[:3] == (right, right, right)


def test_one_group_leaves_no_width() -> None:
    assert bootstrap([True, False], [7, 7]) == Interval(0.5, 0.5, 0.5, 2, 1)


def test_no_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="no samples"):
        bootstrap([], [])


def test_cells_are_averaged_with_equal_weight() -> None:
    hits, cells = np.array([1, 1, 1, 0, 0]), np.array([0, 0, 0, 0, 1])
    found = bootstrap(hits, np.arange(5), cells)
    assert found.value == pytest.approx((0.75 + 0.0) / 2)
    assert found.low <= found.value <= found.high


def test_a_clip_that_appears_twice_is_drawn_twice() -> None:
    """Repeating every appearance adds no information, so it must not narrow the interval."""
    draw = np.random.default_rng(1)
    hits, groups = draw.random(200) < 0.6, draw.integers(0, 40, 200)
    assert bootstrap(hits, groups)[:3] == bootstrap(np.tile(hits, 3), np.tile(groups, 3))[:3]


def test_equal_to_resampling_groups_one_by_one() -> None:
    draw = np.random.default_rng(2)
    hits, groups = draw.random(300) < 0.6, np.sort(draw.integers(0, 30, 300))
    classes = draw.integers(0, 4, 300)
    names = np.unique(groups)
    means = []
    for weights in np.concatenate(list(resample_weights(len(names), 400))):
        rows = np.concatenate(
            [np.repeat(np.flatnonzero(groups == g), int(w)) for g, w in zip(names, weights, strict=True)]
        )
        means.append(np.mean([hits[rows][classes[rows] == c].mean() for c in np.unique(classes[rows])]))
    low, high = percentiles(np.array(means))
    assert bootstrap(hits, groups, classes)[1:3] == pytest.approx((low, high))


def test_weights_are_multinomial() -> None:
    weights = np.concatenate(list(resample_weights(50, 4000)))
    assert (weights.sum(axis=1) == 50).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(50), abs=0.08)
    assert weights.var() == pytest.approx(49 / 50, abs=0.02)
    assert np.corrcoef(weights[:, 0], weights[:, 1])[0, 1] == pytest.approx(-1 / 49, abs=0.05)


def test_draws_stay_the_same_for_ever() -> None:
    """Stored intervals are recomputed later, so these numbers may not change with NumPy or the machine."""
    assert next(resample_weights(7, 2)).tolist() == [[2, 0, 3, 0, 1, 1, 0], [0, 1, 0, 0, 2, 2, 2]]


@pytest.mark.parametrize("n_groups", [7, 8])
def test_draws_do_not_depend_on_the_size_of_blocks(n_groups: int) -> None:
    one = np.concatenate(list(resample_weights(n_groups, 101, block=2)))
    assert (one == np.concatenate(list(resample_weights(n_groups, 101)))).all()
    assert (one == np.concatenate(list(resample_weights(n_groups, 101, block=1000)))).all()


def test_grouped_intervals_cover_where_ungrouped_ones_do_not() -> None:
    """100 groups of 8 clips with a strong group effect, 2,000 times: coverage of the true mean by both intervals."""
    draw = np.random.default_rng(3)
    groups = np.repeat(np.arange(100), 8)
    grouped = ungrouped = 0
    for _ in range(2000):
        hits = draw.random(800) < np.repeat(draw.beta(1.4, 0.6, 100), 8)
        found = group_bootstrap(hits, groups, resamples=1000)
        low, high = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
        grouped += found.low <= 0.7 <= found.high
        ungrouped += low <= 0.7 <= high
    assert 0.93 <= grouped / 2000 <= 0.97
    assert ungrouped / 2000 < 0.85


@pytest.mark.parametrize("n_groups", [2, 37, 707])
def test_whole_numbers_give_the_same_means_as_any_others(n_groups: int) -> None:
    draw = np.random.default_rng(n_groups)
    counts = draw.integers(1, 9, (n_groups, 1)).astype(float)
    sums = draw.binomial(counts.astype(int), 0.8).astype(float)
    drawn = np.concatenate(list(resample_groups(n_groups, 301)))
    expected = sums[drawn, 0].sum(axis=1) / counts[drawn, 0].sum(axis=1)
    assert np.array_equal(resampled_means(sums, counts, 301), expected)
    halves = sums / 2
    assert resampled_means(halves + 0.25, counts, 301) == pytest.approx(
        (halves[drawn, 0] + 0.25).sum(axis=1) / counts[drawn, 0].sum(axis=1), abs=1e-12
    )


def test_resamples_of_before_can_be_drawn_again() -> None:
    """Records of before numerics 5 were drawn with Philox; so these numbers may not change either."""
    with drawn_with("philox"):
        assert next(resample_weights(7, 2)).tolist() == [[2, 1, 0, 2, 0, 1, 1], [0, 3, 2, 1, 1, 0, 0]]
    now = next(resample_weights(7, 2)).tolist()
    with pytest.raises(ZeroDivisionError), drawn_with("philox"):
        raise ZeroDivisionError
    assert next(resample_weights(7, 2)).tolist() == now


@pytest.mark.parametrize(("numbers", "is_slice"), [([3], True), ([2, 3, 4], True), ([2, 4], False)])
def test_numbers_in_a_row_are_taken_in_place(numbers: list[int], is_slice: bool) -> None:
    found, whole = in_place(np.array(numbers)), np.arange(9)
    assert isinstance(found, slice) == is_slice
    assert whole[found].tolist() == numbers
