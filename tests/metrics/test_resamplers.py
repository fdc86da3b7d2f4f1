from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.records.some_intensities import some_intensities
from tests.records.some_records import some_predictions
from tta_bench.metrics import METRICS
from tta_bench.metrics.resamplers import Recomputed, Resampler, mean_over_seeds, sums_over_seeds
from tta_bench.records.predictions import Outcomes


def share(samples: Outcomes, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Top-1, computed the slow way."""
    return np.asarray(weights @ (samples.ranks == 0) / weights.sum(axis=1))


def hits() -> list[Outcomes]:
    return [some_predictions(level).outcomes() for level in (0.2, 0.5, 0.9)]


def of_metric(name: str) -> Resampler:
    metric = METRICS.of_samples(name)
    assert metric is not None
    intensities = [some_intensities(noise).outcomes() for noise in (0.2, 1.0, 3.0)]
    return metric.resampler(hits() if name == "top1" else intensities)


RUNS: dict[str, Callable[[], Resampler]] = {
    "shares": lambda: of_metric("top1"),
    "correlations": lambda: of_metric("pearson"),
    "recomputed": lambda: Recomputed(share, hits()),
}


@pytest.mark.parametrize("runs", RUNS)
@pytest.mark.parametrize("seeds", [(1, 1, 1), (3,), (2, 1), (1, 2)])
def test_means_are_those_of_each_rows_runs(runs: str, seeds: tuple[int, ...]) -> None:
    weights = np.random.default_rng(0).integers(0, 4, (50, 24)).astype(float)
    scores, counts = RUNS[runs]().resampled(weights)
    means, same = RUNS[runs]().means(np.array(seeds)).resampled(weights)
    parts = np.split(scores, np.cumsum(seeds)[:-1], axis=1)
    assert means == pytest.approx(np.stack([part.mean(axis=1) for part in parts], axis=1))
    assert np.array_equal(same, counts)
    assert np.ptp(means) > 0.01


def test_means_and_sums_over_seeds() -> None:
    columns = np.array([[1.0, 3.0, 8.0], [0.0, 1.0, 2.0]])
    assert sums_over_seeds(columns, np.array([2, 1])).tolist() == [[4.0, 8.0], [1.0, 2.0]]
    assert mean_over_seeds(columns, np.array([2, 1])).tolist() == [[2.0, 8.0], [0.5, 2.0]]
    assert mean_over_seeds(columns, np.array([1, 1, 1])).tolist() == columns.tolist()


def test_what_is_recomputed_counts_each_sample_as_often_as_its_group() -> None:
    weights = np.random.default_rng(1).integers(0, 4, (120, 24)).astype(float)
    scores, counts = Recomputed(share, hits()).resampled(weights)
    assert (scores, counts) == (pytest.approx(of_metric("top1").resampled(weights)[0]), pytest.approx(counts))


def test_a_resample_without_samples_scores_0() -> None:
    scores, counts = Recomputed(share, hits()[:1]).resampled(np.zeros((1, 24)))
    assert (scores.tolist(), counts.tolist()) == ([[0.0]], [[0.0]])
