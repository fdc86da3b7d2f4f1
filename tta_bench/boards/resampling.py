"""The score of several runs over the same samples in each resample of the groups, for either kind of outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.metrics.pearson import Moments, mean_r_of_sums, moments
from tta_bench.records.files import AnyOutcomes
from tta_bench.records.intensities import IntensityOutcomes
from tta_bench.records.predictions import Outcomes

_RANKS_THAT_COUNT = {"top1": 1, "top5": 5}
"""Metrics that are a share of samples, and how many of the first ranks make a sample count."""


class Shares(NamedTuple):
    """Runs that are scored by their share of hits."""

    counts: NDArray[np.float32]
    """``(G, 1)`` samples of each group."""
    sums: NDArray[np.float32]
    """``(G, runs)`` right ones among them, in each run. Single precision is exact for whole numbers up to 2**24."""

    def resampled(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
        """Return each run's score, ``(resamples, runs)``, and the number of samples, ``(resamples, 1)``.

        Args:
            weights: ``(resamples, G)`` how often each group was drawn.
        """
        drawn = weights.astype(np.float32)
        counts = drawn @ self.counts
        return (drawn @ self.sums).astype(np.float64) / np.maximum(counts, 1), counts


class Correlations(NamedTuple):
    """Runs that are scored by the mean r of their outputs."""

    runs: tuple[Moments, ...]

    def resampled(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
        """Return each run's score, ``(resamples, runs)``, and the number of samples, ``(resamples, 1)``.

        Args:
            weights: ``(resamples, G)`` how often each group was drawn.
        """
        totals = [weights @ run.sums for run in self.runs]
        scores = [mean_r_of_sums(total, run.floors) for total, run in zip(totals, self.runs, strict=True)]
        return np.stack(scores, axis=1), totals[0][:, :1]


def can_resample(outcomes: AnyOutcomes | None, metric: str) -> bool:
    """Return whether a metric can be computed again from these outcomes with groups left out and repeated."""
    if isinstance(outcomes, IntensityOutcomes):
        return metric == "pearson"
    return outcomes is not None and metric in _RANKS_THAT_COUNT


def runs_of_a_split(outcomes: Sequence[AnyOutcomes], metric: str) -> Shares | Correlations:
    """Return runs over the same samples, ready to be resampled by their groups in sorted order."""
    classes = [found for found in outcomes if isinstance(found, Outcomes)]
    if classes:
        return _shares(classes, _RANKS_THAT_COUNT[metric])
    intensities = [found for found in outcomes if isinstance(found, IntensityOutcomes)]
    return Correlations(tuple(moments(found.outputs, found.targets, found.groups) for found in intensities))


def _shares(outcomes: Sequence[Outcomes], right: int) -> Shares:
    own, counts = np.unique(outcomes[0].groups, return_counts=True)
    sums = [
        np.bincount(np.searchsorted(own, found.groups), weights=found.ranks < right, minlength=len(own))
        for found in outcomes
    ]
    return Shares(counts[:, None].astype(np.float32), np.stack(sums, axis=1).astype(np.float32))
