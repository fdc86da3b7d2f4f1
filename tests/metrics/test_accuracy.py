from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.metrics.some_draws import rows_of, weights
from tests.records.some_records import some_predictions
from tta_bench.metrics import METRICS
from tta_bench.metrics.accuracy import mean_class_accuracy, per_class_accuracy, top_k, true_class_rank


def scores_and_labels(seed: int, samples: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return continuous scores that are somewhat right, and labels among which every class is present."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(samples) % classes)
    return draw.normal(size=(samples, classes)) + 1.5 * np.eye(classes)[labels], labels


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 9))
def test_rank_does_not_depend_on_the_order_of_classes_or_on_scale(seed: int, classes: int) -> None:
    scores, labels = scores_and_labels(seed, 30, classes)
    order = np.random.default_rng(seed).permutation(classes)
    ranks = true_class_rank(scores, labels)
    assert np.array_equal(true_class_rank(scores[:, order], np.argsort(order)[labels]), ranks)
    assert np.array_equal(true_class_rank(np.exp(scores), labels), ranks)


def test_ties_and_what_is_no_number_count_against_the_model() -> None:
    scores = np.array([[0.5, 0.5, 0.0], [0.2, 0.2, 0.2], [0.1, np.nan, 0.9], [np.nan, 0.1, 0.2], [0.7, 0.2, 0.1]])
    assert true_class_rank(scores, np.array([0, 1, 2, 0, 0])).tolist() == [1, 2, 1, 2, 0]


def test_per_class_accuracy_says_which_class_has_no_sample() -> None:
    shares = per_class_accuracy(np.array([True, False, True]), np.array([0, 0, 2]), 4)
    assert shares[[0, 2]].tolist() == [0.5, 1.0]
    assert np.isnan(shares[[1, 3]]).all()


@settings(max_examples=25, deadline=None)
@given(weights)
def test_shares_are_those_of_the_samples_drawn(drawn: list[int]) -> None:
    runs = [some_predictions(accuracy).outcomes() for accuracy in (0.3, 0.8)]
    scores, counts = METRICS.of_samples("top1").resampler(runs).resampled(np.array([drawn], float))
    rows = rows_of(runs[0].groups, drawn)
    assert counts.tolist() == [[len(rows)]]
    assert scores[0].tolist() == pytest.approx([(run.ranks[rows] == 0).mean() for run in runs])


@settings(max_examples=25, deadline=None)
@given(weights, st.sampled_from(["top1", "top5", "mean_class", "top1_reversed", "top1_unleaked"]))
def test_a_resample_is_the_metric_of_the_samples_drawn(drawn: list[int], name: str) -> None:
    whole = some_predictions(0.6, reverse=True).outcomes()
    whole = replace(whole, leaked=np.arange(96) % 8 < 4)
    rows = rows_of(whole.groups, drawn)
    arrays = {key: value[rows] for key, value in vars(whole).items() if isinstance(value, np.ndarray)}
    part = replace(whole, **arrays)
    metric = METRICS.of_samples(name)
    assume(name != "top1_unleaked" or not part.leaked.all())
    (score,), _ = metric.resampler([whole]).resampled(np.array([drawn], float))
    assert score == pytest.approx(metric.measure(part, resamples=4).value)
    assert score == pytest.approx(metric.value(part))


def test_metrics_that_some_samples_do_not_have() -> None:
    plain = some_predictions().outcomes()
    defined = {metric.name for metric in METRICS.own() if metric.needs == "ranks" and metric.is_defined(plain)}
    assert defined == {"top1", "top5", "mean_class"}
    few = replace(plain, classes=plain.classes[:5])
    assert not METRICS.of_samples("top5").is_defined(few)
    assert METRICS.of_samples("top1_unleaked").is_defined(replace(plain, leaked=np.arange(96) < 9))


def mmaction2() -> Any:
    reason = "MMAction2 is not installed here"
    return pytest.importorskip("mmaction.evaluation.functional.accuracy", reason=reason)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(6, 12), st.integers(0, 60))
def test_equal_to_mmaction2_on_whole_lists(seed: int, classes: int, more: int) -> None:
    theirs = mmaction2()
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(classes + more) % classes)
    scores = draw.normal(size=(len(labels), classes)) + 1.5 * np.eye(classes)[labels]
    ranks = true_class_rank(scores, labels)
    assert [top_k(ranks, 1), top_k(ranks, 5)] == theirs.top_k_accuracy(list(scores), list(labels), (1, 5))
    assert mean_class_accuracy(ranks == 0, labels) == pytest.approx(theirs.mean_class_accuracy(scores, list(labels)))


def test_a_class_that_is_only_predicted_does_not_count_here() -> None:
    scores, labels = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0])
    assert mean_class_accuracy(true_class_rank(scores, labels) == 0, labels) == 0.5
    assert mmaction2().mean_class_accuracy(scores, list(labels)) == 0.25
