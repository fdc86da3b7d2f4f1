"""Differences of two scores on the same samples: their interval, which never has no width, and p of many at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tta_bench.metrics.intervals import LEVEL, RESAMPLES, group_codes
from tta_bench.metrics.proportions import FEW_MISSES, Hits, effective_groups, ends, expanded_percentiles
from tta_bench.metrics.ranks import SeedNoise, sign_flips, student_draws

MOST = 1 - 1e-6
"""Largest coverage of a single interval."""


def difference_ends(
    values: tuple[float, float],
    resampled: tuple[NDArray[np.float64], NDArray[np.float64]],
    groups: NDArray[np.generic],
    hits: tuple[Hits, Hits] | None = None,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Return the ends of the interval of a difference, first minus second.

    Of two proportions it is Newcombe's hybrid of their intervals (Newcombe 1998, Statistics in Medicine 17, 2635,
    method 10): the distances of the ends, joined by the correlation of the two scores over resamples of the groups,
    less a correction for continuity. Of other statistics it is the expanded percentile interval of the difference.

    Args:
        values: The two statistics.
        resampled: Each, ``(resamples,)``, in the same resamples of the groups.
        groups: ``(N,)`` name of each sample's group; of at least two groups.
        hits: The samples of two proportions, in the same order; None for other statistics.
        level: Coverage aimed at.
    """
    value, drawn = values[0] - values[1], resampled[0] - resampled[1]
    if hits is None:
        low, high = expanded_percentiles(drawn, effective_groups(group_codes(groups).sizes), level)
        return min(low, value), max(high, value)
    singles = [
        ends(score, draws, of.groups, of, level) for score, draws, of in zip(values, resampled, hits, strict=True)
    ]
    return newcombe(values, (singles[0], singles[1]), _correlation(values, resampled, hits))


def newcombe(
    values: tuple[float, float], intervals: tuple[tuple[float, float], tuple[float, float]], correlation: float
) -> tuple[float, float]:
    """Return the interval of a difference from the intervals of its two parts, and the correlation of the parts."""
    (low, high), (other_low, other_high) = intervals
    down, up = values[0] - low, high - values[0]
    other_down, other_up = values[1] - other_low, other_high - values[1]
    value = values[0] - values[1]
    below = math.sqrt(max(down**2 - 2 * correlation * down * other_up + other_up**2, 0.0))
    above = math.sqrt(max(up**2 - 2 * correlation * up * other_down + other_down**2, 0.0))
    return float(value - below), float(value + above)


def adjusted_p(
    contributions: NDArray[np.float64], noise: SeedNoise | None = None, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Return the p-value of each pair of models being equal, ``(K, K)``, adjusted for all pairs; ones on the diagonal.

    The test is that of ranks (`metrics.ranks.better`): signs of whole groups are flipped, and each pair is compared
    with the largest of the pairs that are no further apart than itself (Westfall and Young 1993, stepdown).

    Args:
        contributions: ``(G, K)`` part of each model's score that a group contributes.
        noise: Variance from the luck of training, which is added to that of the groups.
        resamples: Number of resamples.
    """
    models = contributions.shape[1]
    first, second = np.triu_indices(models, 1)
    observed, flipped = _statistics(contributions, noise, resamples)
    told = observed >= 0  # models with the same hits in every group have p = 1
    order = np.argsort(observed, kind="stable")
    largest = np.maximum.accumulate(flipped[:, order], axis=1)
    p = ((largest >= observed[order]).sum(axis=0) + 1) / (resamples + 1)
    adjusted = np.ones(len(first))
    adjusted[order] = np.maximum.accumulate(np.where(told[order], p, 1.0)[::-1])[::-1]
    table = np.ones((models, models))
    table[first, second] = table[second, first] = np.minimum(adjusted, 1.0)
    return table


def simultaneous_level(
    contributions: NDArray[np.float64], noise: SeedNoise | None = None, resamples: int = RESAMPLES, level: float = LEVEL
) -> float:
    """Return the coverage of each single interval with which the intervals of all pairs hold at once.

    Args:
        contributions: ``(G, K)`` part of each model's score that a group contributes.
        noise: Variance from the luck of training.
        resamples: Number of resamples.
        level: Coverage of all intervals at once; that of a single pair is this.
    """
    observed, flipped = _statistics(contributions, noise, resamples)
    if len(observed) < 2:
        return level
    outer = float(np.quantile(flipped.max(axis=1), level))
    return min(max(level, float(2 * ndtr(outer) - 1)), MOST)


def _statistics(
    contributions: NDArray[np.float64], noise: SeedNoise | None, resamples: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each pair's absolute studentised difference, and it with signs flipped.

    They are ``(pairs,)`` and ``(resamples, pairs)``. A pair without any difference in any group has -1, and zeros.
    """
    models = contributions.shape[1]
    first, second = np.triu_indices(models, 1)
    between = contributions[:, first] - contributions[:, second]
    squares = (between**2).sum(axis=0)
    if noise is not None:
        squares = squares + noise.variances[first] + noise.variances[second]
    told = squares > 0
    scale = np.sqrt(np.where(told, squares, 1.0))
    observed = np.abs(between.sum(axis=0)) / scale * (1 - 1e-9)  # a rounding error must not part equal sums
    flipped = np.concatenate([signs @ between for signs in sign_flips(len(contributions), resamples)])
    if noise is not None and noise.variances.any():
        luck = np.sqrt(noise.variances) * student_draws(models, noise.freedom, resamples)
        flipped += luck[:, first] - luck[:, second]
    return np.where(told, observed, -1.0), np.abs(flipped / scale)


def _correlation(
    values: tuple[float, float], resampled: tuple[NDArray[np.float64], NDArray[np.float64]], hits: tuple[Hits, Hits]
) -> float:
    """Return the correlation of two proportions over resamples, less half a sample; 0 where either does not vary."""
    deviations = [float(drawn.std()) for drawn in resampled]
    spread = math.sqrt(math.prod(value * (1 - value) for value in values))
    if min(deviations) == 0 or spread == 0:
        return 0.0
    correlation = float(np.corrcoef(*resampled)[0, 1])
    effective = effective_groups(group_codes(hits[0].groups).sizes)
    if _groups_apart(hits) >= FEW_MISSES:
        effective = max(effective, *(v * (1 - v) / d**2 for v, d in zip(values, deviations, strict=True)))
    corrected = correlation - 1 / (2 * effective * spread)
    return max(corrected, 0.0) if correlation > 0 else correlation


def _groups_apart(hits: tuple[Hits, Hits]) -> int:
    """Return the number of groups in which two models do not have the same number of hits."""
    sums = []
    for right, groups in hits:
        sums.append(np.bincount(group_codes(groups).codes, weights=right))
    return int((sums[0] != sums[1]).sum())
