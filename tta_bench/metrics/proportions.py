"""Ends of an interval that hold near 0 and 1, where a percentile bootstrap over groups is too narrow."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, stdtrit

from tta_bench.metrics.intervals import LEVEL, group_codes

FEW_MISSES = 10
"""Fewer groups with a miss than this say too little of how alike the clips of a group are."""


class Hits(NamedTuple):
    """Samples of a proportion."""

    right: NDArray[Any]
    """``(N,)`` True where a sample counts as right."""
    groups: NDArray[Any]
    """``(N,)`` name of each sample's group."""


def effective_groups(sizes: NDArray[Any]) -> float:
    """Return the number of equal groups that tell as much as groups of these sizes (Kish 1965, Survey Sampling).

    Args:
        sizes: ``(G,)`` samples of each group.
    """
    sizes = np.asarray(sizes, float)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def expanded_percentiles(resampled: NDArray[np.float64], groups: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the expanded percentile interval (Hesterberg 2015, The American Statistician 69, 371, section 5.3).

    The percentiles lie as far out as Student's t with ``groups - 1`` degrees of freedom asks, and by the factor that a
    bootstrap of few groups is too narrow.

    Args:
        resampled: ``(resamples,)`` the statistic in each resample of the groups.
        groups: Number of groups, or of equal groups that tell as much; more than 1.
        level: Coverage aimed at.
    """
    outer = float(ndtr(-math.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, (1 + level) / 2)))
    low, high = np.quantile(resampled, [outer, 1 - outer])
    return float(low), float(high)


def korn_graubard(share: float, n_effective: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact binomial interval at an effective sample size.

    Source: Korn and Graubard 1998, Survey Methodology 24, 193.

    Args:
        share: The proportion.
        n_effective: Independent samples that tell as much.
        level: Coverage aimed at.
    """
    right = share * n_effective
    wrong = n_effective - right
    tail = (1 - level) / 2
    low = float(betaincinv(right, wrong + 1, tail)) if right > 0 else 0.0
    high = float(betaincinv(right + 1, wrong, 1 - tail)) if wrong > 0 else 1.0
    return float(low), float(high)


def ends(
    value: float,
    resampled: NDArray[np.float64],
    groups: NDArray[Any],
    hits: Hits | None = None,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Return the ends of a statistic's interval.

    It holds the expanded percentiles and, for a proportion, Korn and Graubard's interval. The effective number of
    samples is that of whole groups, each counting as one sample, while fewer than `FEW_MISSES` groups have a miss (or
    a hit); else it follows from the variance over resamples.

    Args:
        value: The statistic.
        resampled: ``(resamples,)`` the statistic in each resample of the groups.
        groups: ``(N,)`` name of each sample's group; of at least two groups.
        hits: The samples of a proportion; None for other statistics.
        level: Coverage aimed at.
    """
    effective = effective_groups(group_codes(groups).sizes)
    low, high = expanded_percentiles(resampled, effective, level)
    if hits is not None:
        n, variance = len(hits.right), float(np.var(resampled))
        n_effective = effective
        if groups_with_both(hits) >= FEW_MISSES and variance > 0:
            known, estimated = stdtrit([n - 1, effective - 1], (1 + level) / 2)  # as the variance is an estimate
            n_effective = min(value * (1 - value) / variance, n) * float(known / estimated) ** 2
        outer = korn_graubard(value, n_effective, level)
        low, high = min(low, outer[0]), max(high, outer[1])
    return min(low, value), max(high, value)


def widened(
    value: float,
    low: float,
    high: float,
    *,
    spread: float,
    groups: float,
    seeds: float,
    freedom: int,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Return an interval of a mean over seeds, widened by the luck of training.

    The variances of groups and of seeds are added, with the degrees of freedom of their sum (Satterthwaite 1946,
    Biometrics Bulletin 2, 110); each side keeps its own length.

    Args:
        value: The mean.
        low: Lower end from the groups alone.
        high: Upper end.
        spread: Variance of the mean from the groups.
        groups: Number of groups, or of equal groups that tell as much.
        seeds: Unbiased variance of the mean from the seeds.
        freedom: Degrees of freedom of that variance.
        level: Coverage aimed at.
    """
    if seeds == 0:
        return low, high
    both = (spread + seeds) ** 2 / (spread**2 / (groups - 1) + seeds**2 / freedom)
    outer, alone = (float(stdtrit(degrees, (1 + level) / 2)) for degrees in (both, groups - 1))
    down, up = (math.hypot((end - value) * outer / alone, outer * math.sqrt(seeds)) for end in (low, high))
    return value - down, value + up


def groups_with_both(hits: Hits) -> int:
    """Return the number of groups with a miss, or with a hit where these are fewer."""
    _, codes, sizes = group_codes(hits.groups)
    right = np.bincount(codes, weights=hits.right)
    return int(min((right < sizes).sum(), (right > 0).sum()))
