from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.metrics.some_draws import rows_of, weights
from tests.records.some_intensities import some_intensities
from tta_bench.metrics import METRICS
from tta_bench.metrics.intervals import resample_groups
from tta_bench.metrics.pearson import (
    STD_FLOOR,
    fisher,
    mean_pearson,
    mean_r_of_sums,
    moments,
    pearson,
    pearson_bootstrap,
    resampled_pearson,
)

sizes = st.tuples(st.integers(0, 2**31), st.integers(3, 60), st.integers(1, 8))


def some(seed: int, n: int, k: int, quality: float = 0.5) -> tuple[Any, Any]:
    """Return intensities whose own largest is 1, as Hume-Reaction has them, and outputs that fit them."""
    draw = np.random.default_rng(seed)
    targets = draw.random((n, k)) ** 2
    targets /= targets.max(axis=1, keepdims=True)
    targets[draw.random((n, k)) < 0.2] = 0
    return 1 / (1 + np.exp(-(quality * targets + draw.normal(0, 0.5, (n, k))))), targets


def muse_2022(outputs: Any, targets: Any) -> float:
    """The official measure as the challenge defines it."""
    return float(np.mean([stats.pearsonr(outputs[:, i], targets[:, i])[0] for i in range(outputs.shape[1])]))


@settings(max_examples=80, deadline=None)
@given(sizes, st.sampled_from([np.float32, np.float64]), st.sampled_from([1e-4, 1.0, 100.0]))
def test_equals_scipy_and_the_official_formula(size: tuple[int, int, int], dtype: Any, scale: float) -> None:
    outputs, targets = some(*size)
    outputs = (outputs * scale).astype(dtype)
    found = pearson(outputs, targets)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = np.array([stats.pearsonr(outputs[:, i].astype(float), targets[:, i])[0] for i in range(size[2])])
        official = muse_2022(outputs.astype(float), targets)
    defined = np.isfinite(theirs)
    assert np.allclose(found[defined], theirs[defined], rtol=0, atol=1e-9)
    assert np.isnan(found[~defined]).all()
    if defined.all():
        assert mean_pearson(found) == pytest.approx(official, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(sizes, st.floats(0.01, 100), st.floats(-1, 1))
def test_scale_and_offset_of_the_outputs_do_not_matter(size: tuple[int, int, int], scale: float, offset: float) -> None:
    outputs, targets = some(*size)
    assert np.allclose(pearson(scale * outputs + offset, targets), pearson(outputs, targets), atol=1e-9, equal_nan=True)
    assert np.allclose(pearson(-outputs, targets), -pearson(outputs, targets), atol=1e-9, equal_nan=True)


@settings(max_examples=40, deadline=None)
@given(sizes, st.randoms(use_true_random=False))
def test_order_of_the_samples_does_not_matter(size: tuple[int, int, int], random: Any) -> None:
    outputs, targets = some(*size)
    order = list(range(len(outputs)))
    random.shuffle(order)
    assert np.allclose(pearson(outputs[order], targets[order]), pearson(outputs, targets), atol=1e-12, equal_nan=True)


@pytest.mark.parametrize(
    "flat",
    [
        np.full(200, 0.5),
        np.zeros(200),
        0.5 + 1e-7 * np.random.default_rng(0).random(200),
        1e-17 * np.random.default_rng(0).random(200),
        (0.5 + 1e-7 * np.random.default_rng(0).random(200)).astype(np.float32),
        np.full(200, 1e6) + np.random.default_rng(0).random(200) * 0.5,
    ],
    ids=["constant", "zero", "noise around a half", "noise around zero", "float32 noise", "noise on a large number"],
)
def test_a_column_of_no_spread_is_undefined_and_counts_nothing(flat: Any) -> None:
    outputs, targets = some(1, 200, 3)
    whole = pearson(outputs, targets)
    outputs[:, 1] = flat
    found = pearson(outputs, targets)
    assert np.isnan(found).tolist() == [False, True, False]
    assert mean_pearson(found) == pytest.approx((whole[0] + whole[2]) / 3)
    targets[:, 2] = 1.0  # a target without spread has no r either
    assert np.isnan(pearson(outputs, targets)).tolist() == [False, True, True]


def test_small_spread_that_is_no_noise_counts() -> None:
    outputs, targets = some(1, 200, 1)
    small = 0.5 + 10 * STD_FLOOR * (outputs - outputs.mean()) / outputs.std()
    assert pearson(small, targets) == pytest.approx(pearson(outputs, targets))


@pytest.mark.parametrize(
    ("outputs", "targets", "reason"),
    [
        (np.ones((2, 7)), np.ones((2, 7)), "needs 3 samples, and there are 2"),
        (np.ones((0, 7)), np.ones((0, 7)), "needs 3 samples"),
        (np.ones((5, 7)), np.ones((5, 6)), "do not fit"),
        (np.ones(5), np.ones(5), "do not fit"),
        (np.full((5, 1), np.nan), np.ones((5, 1)), "not a finite number"),
        (np.ones((5, 1)), np.full((5, 1), np.inf), "not a finite number"),
    ],
)
def test_what_has_no_correlation_is_refused(outputs: Any, targets: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        pearson(outputs, targets)


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.999, 0.999), st.integers(4, 5000))
def test_fisher_equals_scipy(r: float, n: int) -> None:
    z, half = np.arctanh(r), stats.norm.ppf(0.975) / np.sqrt(n - 3)
    assert fisher(r, n) == pytest.approx((np.tanh(z - half), np.tanh(z + half)))
    outputs, targets = np.random.default_rng(n).normal(size=(2, min(n, 200)))  # both have spread, at every n
    theirs = stats.pearsonr(outputs, targets)
    ends = theirs.confidence_interval()
    assert fisher(float(theirs.statistic), len(outputs)) == pytest.approx((ends.low, ends.high), abs=1e-9)


def test_fisher_at_its_ends() -> None:
    assert fisher(1.0, 10) == (1.0, 1.0)
    assert fisher(0.3, 3) == (-1.0, 1.0)
    for r, n in ((0.3, 2), (1.1, 10), (float("nan"), 10)):  # a constant column has no r, so no interval either
        with pytest.raises(ValueError, match="no interval"):
            fisher(r, n)


@settings(max_examples=25, deadline=None)
@given(sizes)
def test_sums_of_groups_give_the_r_of_their_samples(size: tuple[int, int, int]) -> None:
    outputs, targets = some(*size)
    groups = np.arange(len(outputs)) % 5
    sums, floors = moments(outputs, targets, groups)
    total = mean_r_of_sums(sums.sum(axis=0, keepdims=True), floors)
    assert total == pytest.approx(mean_pearson(pearson(outputs, targets)), abs=1e-9)


def test_each_resample_is_the_mean_r_of_the_samples_drawn() -> None:
    outputs, targets = some(3, 40, 7)
    groups = np.arange(40) // 4
    found = resampled_pearson(moments(outputs, targets, groups), 20)
    drawn = np.concatenate(list(resample_groups(10, 20)))
    for row, value in zip(drawn, found, strict=True):
        rows = np.concatenate([np.flatnonzero(groups == group) for group in row])
        assert mean_pearson(pearson(outputs[rows], targets[rows])) == pytest.approx(value, abs=1e-9)


def test_an_undefined_r_counts_nothing_in_resamples_too() -> None:
    outputs, targets = some(3, 40, 2)
    outputs[:, 1] = 0.5 + 1e-8 * outputs[:, 1]
    found = resampled_pearson(moments(outputs, targets, np.arange(40)), 50)
    alone = resampled_pearson(moments(outputs[:, :1], targets[:, :1], np.arange(40)), 50)
    assert np.allclose(found, alone / 2)


def test_a_row_without_samples_counts_nothing() -> None:
    assert mean_r_of_sums(np.zeros((1, 11)), np.zeros((2, 2))) == [0.0]


def test_single_clips_as_groups_give_about_the_interval_of_fisher() -> None:
    outputs, targets = some(5, 2000, 1, quality=1.0)
    found = pearson_bootstrap(outputs, targets, np.arange(2000), resamples=2000)
    assert found[1:3] == pytest.approx(fisher(found.value, 2000), abs=0.01)
    assert (found.n, found.n_groups) == (2000, 2000)


def test_clips_of_one_subject_make_the_interval_wider() -> None:
    """Subjects differ in how they answer and how a model reads them: taking clips for independent hides that."""
    draw = np.random.default_rng(0)
    subjects = np.repeat(np.arange(60), 10)
    tendency = draw.normal(0, 0.5, (60, 7))[subjects]
    liking = tendency + draw.normal(0, 0.3, (60, 7))[subjects]
    targets, outputs = tendency + draw.normal(0, 0.3, (600, 7)), liking + draw.normal(0, 0.3, (600, 7))
    grouped = pearson_bootstrap(outputs, targets, subjects, resamples=2000)
    single = pearson_bootstrap(outputs, targets, np.arange(600), resamples=2000)
    assert grouped.value == single.value
    assert grouped.high - grouped.low > 1.5 * (single.high - single.low)


def test_the_interval_covers() -> None:
    """Subjects with their own tendency: 95 % intervals cover the correlation of the whole population."""
    draw = np.random.default_rng(1)
    covered, trials, groups = 0, 150, np.repeat(np.arange(100), 4)
    for _ in range(trials):
        shared = draw.normal(0, 1, (100, 1, 2, 2)) @ np.array([[1, 0.6], [0, 0.8]])  # r of 0.6 between subjects
        within = draw.normal(0, 1, (100, 4, 2, 2)) @ np.array([[1, 0.2], [0, 0.96**0.5]])  # and of 0.2 within them
        both = (shared + within).reshape(400, 2, 2)
        found = pearson_bootstrap(both[..., 0], both[..., 1], groups, resamples=400)
        covered += found.low <= 0.4 <= found.high
    assert 0.89 <= covered / trials <= 0.99


class Run(NamedTuple):
    outputs: np.ndarray
    targets: np.ndarray
    groups: np.ndarray


def test_two_models_are_compared_on_the_same_resamples() -> None:
    outputs, targets = some(2, 300, 7)
    better = outputs + 0.2 * targets
    groups = np.arange(300) // 3
    metric = METRICS.of_samples("pearson")
    a, b = (Run(side, targets, groups) for side in (better, outputs))
    found = metric.difference(a, b, 1000)
    ours, theirs = (pearson_bootstrap(side, targets, groups, resamples=1000) for side in (better, outputs))
    assert found.value == pytest.approx(ours.value - theirs.value)
    assert 0 < found.low <= found.value <= found.high
    assert found.high - found.low < ours.high - theirs.low
    assert (found.n, found.n_groups) == (300, 100)
    assert metric.difference(b, b, 100)[:4] == (0, 0, 0, 1)


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_of_constant_outputs_and_of_one_subject_it_is_said_what_cannot_be(level: float) -> None:
    _, targets = some(2, 30, 7)
    constant, groups = np.full_like(targets, level), np.zeros(30, int)
    metric = METRICS.of_samples("pearson")
    assert metric.value(Run(constant, targets, groups)) == 0
    found = metric.difference(Run(constant, targets, groups), Run(targets, targets, groups))
    assert (found.value, found.p) == (-1, 1)
    assert np.isnan([found.low, found.high]).all()


@settings(max_examples=25, deadline=None)
@given(weights)
def test_correlations_are_those_of_the_samples_drawn(drawn: list[int]) -> None:
    runs = [some_intensities(noise).outcomes() for noise in (0.2, 2.0)]
    metric = METRICS.of_samples("pearson")
    scores, counts = metric.resampler(runs).resampled(np.array([drawn], float))
    rows = rows_of(runs[0].groups, drawn)
    assert counts.tolist() == [[len(rows)]]
    expected = [mean_pearson(pearson(run.outputs[rows], run.targets[rows])) for run in runs]
    assert scores[0].tolist() == pytest.approx(expected, abs=1e-9)
    ones = np.bincount(rows, minlength=len(runs[0].outputs))[None].astype(float)
    assert metric.compute(runs[0], ones) == pytest.approx(expected[:1], abs=1e-9)


def test_groups_that_were_not_drawn_give_no_samples() -> None:
    runs = METRICS.of_samples("pearson").resampler([some_intensities().outcomes()])
    scores, counts = runs.resampled(np.zeros((1, 24)))
    assert (scores.tolist(), counts.tolist()) == ([[0.0]], [[0.0]])
