"""Pearson correlation of predicted intensities: one r for each target over the whole split, and their mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tta_bench.metrics.base import METRICS, SampleMetric
from tta_bench.metrics.intervals import LEVEL, RESAMPLES, Interval, group_sums, percentiles, resample_weights
from tta_bench.metrics.resamplers import Resampler

STD_FLOOR = 1e-6
"""A column whose standard deviation is at most this share of its largest magnitude has no spread, and no r: that is
float32 noise on a constant."""
ABSOLUTE_STD_FLOOR = 1e-12
"""So has one whose standard deviation is at most this: noise on zeros."""
FEWEST = 3
"""With fewer samples than this an r says nothing: two are always on a line."""


class Moments(NamedTuple):
    """Sums over the groups of one model's samples, from which resamples are scored."""

    sums: NDArray[np.float64]
    """``(groups, 1 + 5 K)``: over each group's samples their number, then the sums of x, y, x x, y y and x y."""
    floors: NDArray[np.float64]
    """``(2, K)`` the least variance of outputs and of targets that counts as spread."""


def pearson(outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.float64]:
    """Return Pearson's r of each target over all samples, ``(K,)``; not a number where a column has no spread.

    Where it is a number it equals ``scipy.stats.pearsonr``, which also gives one for a constant with rounding noise.

    Args:
        outputs: ``(N, K)`` predicted intensities.
        targets: ``(N, K)`` true ones.

    Raises:
        ValueError: There are fewer than 3 samples, the shapes differ, or a value is not finite.
    """
    _check(outputs, targets)
    x, y = (np.asarray(side, np.float64) - np.mean(side, axis=0, dtype=np.float64) for side in (outputs, targets))
    spread = ((x * x).mean(axis=0) > _floor(outputs)) & ((y * y).mean(axis=0) > _floor(targets))
    r = np.full(x.shape[1], np.nan)
    np.divide((x * y).sum(axis=0), np.sqrt((x * x).sum(axis=0) * (y * y).sum(axis=0)), out=r, where=spread)
    return np.asarray(np.clip(r, -1, 1))


def mean_pearson(r: NDArray[np.float64]) -> float:
    """Return the mean over targets, an undefined r counting 0.

    Where none is undefined this is the challenge's own measure: the mean over the emotions of ``scipy.stats.pearsonr``
    over all clips of the split (EIHW/MuSe2022, ``eval.py``; kept by ABAW5).
    """
    return float(np.nan_to_num(r).mean())


def fisher(r: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of one r of independent samples, by Fisher's z (Fisher 1921, Metron 1, p. 3).

    Raises:
        ValueError: There are fewer than 3 samples, or r is no correlation.
    """
    if n < FEWEST or not -1 <= r <= 1:
        raise ValueError(f"r = {r} of {n} samples has no interval")
    if abs(r) == 1:
        return r, r
    if n == FEWEST:
        return -1.0, 1.0
    z, half = math.atanh(r), NormalDist().inv_cdf((1 + level) / 2) / math.sqrt(n - 3)
    return math.tanh(z - half), math.tanh(z + half)


def pearson_bootstrap(
    outputs: NDArray[Any],
    targets: NDArray[Any],
    groups: NDArray[Any],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the mean r and its percentile interval from resampling whole groups, the subjects.

    Where subjects are not known, each clip can be a group of its own. The interval then takes clips of one subject for
    independent, which they are not, so that the true one is at least as wide.

    Args:
        outputs: ``(N, K)`` predicted intensities.
        targets: ``(N, K)`` true ones.
        groups: ``(N,)`` name of each sample's group.
        level: Coverage aimed at.
        resamples: Number of resamples.

    Raises:
        ValueError: As ``pearson`` does.
    """
    value = mean_pearson(pearson(outputs, targets))
    summed = moments(outputs, targets, groups)
    low, high = percentiles(resampled_pearson(summed, resamples), level)
    return Interval(value, float(low), float(high), len(outputs), len(summed.sums))


def moments(outputs: NDArray[Any], targets: NDArray[Any], groups: NDArray[Any]) -> Moments:
    """Return the sums of each group, groups sorted. Columns are centred first, so that little is lost in squaring."""
    x, y = (np.asarray(side, np.float64) - np.mean(side, axis=0, dtype=np.float64) for side in (outputs, targets))
    columns = np.concatenate([np.ones((len(x), 1)), x, y, x * x, y * y, x * y], axis=1)
    one = np.zeros(len(x), int)
    sums = [group_sums(column, groups, one)[0] for column in columns.T]
    return Moments(np.concatenate(sums, axis=1), np.stack([_floor(outputs), _floor(targets)]))


def resampled_pearson(summed: Moments, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """Return the mean r in each resample of the groups, ``(resamples,)``."""
    blocks = resample_weights(len(summed.sums), resamples)
    return np.concatenate([mean_r_of_sums(weights @ summed.sums, summed.floors) for weights in blocks])


def mean_r_of_sums(sums: NDArray[np.float64], floors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean r for each row of sums over samples, an undefined r counting 0.

    Args:
        sums: ``(rows, 1 + 5 K)`` as in ``Moments``, summed over groups; a row without samples gives 0.
        floors: ``(2, K)`` as in ``Moments``.
    """
    x, y, xx, yy, xy = np.split(sums[:, 1:] / np.maximum(sums[:, :1], 1), 5, axis=1)
    variance_x, variance_y = xx - x * x, yy - y * y
    spread = (variance_x > floors[0]) & (variance_y > floors[1])
    r = np.zeros_like(x)
    np.divide(xy - x * y, np.sqrt(np.abs(variance_x * variance_y)), out=r, where=spread)
    mean: NDArray[np.float64] = np.clip(r, -1, 1).mean(axis=1)
    return mean


def _floor(columns: NDArray[Any]) -> NDArray[np.float64]:
    """Return the least variance of each column that counts as spread."""
    largest: NDArray[np.float64] = np.abs(np.asarray(columns, np.float64)).max(axis=0)
    return np.asarray(np.maximum(ABSOLUTE_STD_FLOOR, STD_FLOOR * largest) ** 2)


def _check(outputs: NDArray[Any], targets: NDArray[Any]) -> None:
    if outputs.ndim != 2 or outputs.shape != targets.shape:
        raise ValueError(f"outputs of shape {outputs.shape} do not fit targets of shape {targets.shape}")
    if len(outputs) < FEWEST:
        raise ValueError(f"a correlation needs {FEWEST} samples, and there are {len(outputs)}")
    if not (np.isfinite(outputs).all() and np.isfinite(targets).all()):
        raise ValueError("a value is not a finite number")


class IntensityPairs(Protocol):
    """Outcomes of a regression, as records keep them."""

    @property
    def groups(self) -> NDArray[np.uint64]:
        """Hash of each sample's subject, ``(N,)``, or of the sample itself."""

    @property
    def outputs(self) -> NDArray[np.float32]:
        """Predicted intensities, ``(N, K)``."""

    @property
    def targets(self) -> NDArray[np.float32]:
        """True intensities, ``(N, K)``."""


@dataclass(frozen=True, eq=False)
class Correlations(Resampler):
    """Runs over the same samples that are scored by the mean r of their outputs."""

    runs: tuple[Moments, ...]
    """Sums over the groups of each run."""

    def resampled(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
        """Return each run's mean r, and the number of samples."""
        totals = [weights @ run.sums for run in self.runs]
        scores = [mean_r_of_sums(total, run.floors) for total, run in zip(totals, self.runs, strict=True)]
        return np.stack(scores, axis=1), totals[0][:, :1]


@METRICS.register_module("pearson")
class MeanPearson(SampleMetric[IntensityPairs]):
    """Mean over targets of Pearson's r over all samples."""

    title = "mean r"
    needs = "intensities"

    def compute(self, samples: IntensityPairs, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean r of each resample."""
        single = moments(samples.outputs, samples.targets, np.arange(len(samples.outputs)))
        return mean_r_of_sums(weights @ single.sums, single.floors)

    def value(self, samples: IntensityPairs) -> float:
        """Return the mean r of all samples."""
        return mean_pearson(pearson(samples.outputs, samples.targets))

    def draws(self, samples: IntensityPairs, resamples: int = RESAMPLES) -> NDArray[np.float64]:
        """Return the mean r in each resample of the groups, ``(resamples,)``."""
        return resampled_pearson(moments(samples.outputs, samples.targets, samples.groups), resamples)

    def resampler(self, runs: Sequence[IntensityPairs]) -> Resampler:
        """Return the runs as sums over groups, which a resample adds up."""
        return Correlations(tuple(moments(run.outputs, run.targets, run.groups) for run in runs))
