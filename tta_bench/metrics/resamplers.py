"""Runs over the same samples, ready to be scored in any resample of their groups."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tta_bench.metrics.intervals import group_codes


class Samples(Protocol):
    """Samples that a metric is computed from: predictions or outcomes of one run."""

    @property
    def groups(self) -> NDArray[Any]:
        """Unit of resampling, ``(N,)``."""


S = TypeVar("S", bound=Samples)


class Resampler(ABC):
    """Several runs over the same samples."""

    @abstractmethod
    def resampled(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
        """Return each run's score, ``(resamples, runs)``, and the number of samples, ``(resamples, 1)``.

        Args:
            weights: ``(resamples, G)`` draws of each group, groups sorted.
        """

    def means(self, seeds: NDArray[np.intp]) -> Resampler:
        """Return the means over the seeds of rows, in place of their runs, which stand one after the other.

        Args:
            seeds: ``(rows,)`` number of runs of each row.
        """
        return _Means(self, seeds)


def mean_over_seeds(scores: NDArray[np.float64], seeds: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return each row's mean over its runs, ``(M, rows)`` of ``(M, runs)``.

    Args:
        scores: Scores of the runs.
        seeds: ``(rows,)`` number of runs of each row.
    """
    return scores if (seeds == 1).all() else sums_over_seeds(scores, seeds) / seeds


def sums_over_seeds(columns: NDArray[Any], seeds: NDArray[np.intp]) -> NDArray[Any]:
    """Return the same of their sums."""
    return np.asarray(np.add.reduceat(columns, np.cumsum(seeds) - seeds, axis=1))


class _Means(Resampler):
    """Means over the seeds of rows, each run being scored first."""

    def __init__(self, runs: Resampler, seeds: NDArray[np.intp]) -> None:
        self._runs, self._seeds = runs, seeds

    def resampled(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
        scores, counts = self._runs.resampled(weights)
        return mean_over_seeds(scores, self._seeds), counts


class Recomputed(Resampler, Generic[S]):
    """Runs whose metric is computed anew in each resample, every sample counting as often as its group was drawn.

    Args:
        compute: The metric of one run's samples, as `SampleMetric.compute` gives it.
        runs: The samples of each run.
    """

    _AT_ONCE = 50
    """Resamples of one call: few enough that their weights, one for each sample, stay small."""

    def __init__(self, compute: Callable[[S, NDArray[np.float64]], NDArray[np.float64]], runs: Sequence[S]) -> None:
        self._compute, self._runs = compute, runs
        self._groups = [group_codes(run.groups).codes for run in runs]

    def resampled(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
        """Return each run's score and the number of samples; a resample without samples scores 0."""
        counts = weights @ np.bincount(self._groups[0])[:, None].astype(float)
        scores = np.zeros((len(weights), len(self._runs)))
        filled = np.flatnonzero(counts[:, 0] > 0)
        for start in range(0, len(filled), self._AT_ONCE):
            rows = filled[start : start + self._AT_ONCE]
            for column, (run, groups) in enumerate(zip(self._runs, self._groups, strict=True)):
                scores[rows, column] = self._compute(run, weights[rows][:, groups])
        return scores, counts
