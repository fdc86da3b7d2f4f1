"""Comparison of two models on the same samples."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.metrics.intervals import LEVEL, RESAMPLES, group_sums, percentiles, resampled_means


class Difference(NamedTuple):
    """The difference of two means over the same samples."""

    value: float
    """Mean of the first minus mean of the second."""
    low: float
    high: float
    p: float
    """Two-sided p-value of there being no difference."""
    n: int
    n_groups: int


def paired_group_bootstrap(
    a: NDArray[Any], b: NDArray[Any], groups: NDArray[Any], *, level: float = LEVEL, resamples: int = RESAMPLES
) -> Difference:
    """Return the difference of two means with its percentile interval, both resampled with the same groups.

    Args:
        a: ``(N,)`` the first model's hits or values.
        b: ``(N,)`` the second model's, of the same samples in the same order.
        groups: ``(N,)`` name of each sample's group.
        level: Coverage aimed at.
        resamples: Number of resamples.
    """
    difference = np.asarray(a, float) - np.asarray(b, float)
    sums, counts = group_sums(difference, groups, np.zeros(len(difference), int))
    resampled = resampled_means(sums, counts, resamples)
    low, high = percentiles(resampled, level)
    return Difference(
        float(difference.mean()), float(low), float(high), two_sided_p(resampled), len(difference), len(sums)
    )


def two_sided_p(resampled: NDArray[np.float64]) -> float:
    """Return twice the smaller share of resamples on either side of 0, one being added to each count (never 0)."""
    below, above = int((resampled <= 0).sum()), int((resampled >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(resampled) + 1))


def discordant(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the numbers of samples that only the first model gets right, and only the second."""
    return int((a & ~b).sum()), int((~a & b).sum())


def mcnemar_exact(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Return the two-sided exact p-value of McNemar's test: a fair coin over the discordant samples.

    It assumes independent samples, which clips of one source are not; the bootstrap over groups does not.

    Args:
        a: ``(N,)`` the first model's hits.
        b: ``(N,)`` the second model's hits on the same samples.
    """
    from scipy.stats import binomtest  # costs .4 s, and boards do not need it

    only_a, only_b = discordant(a, b)
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def detectable_difference(n: int, discordant_share: float, power: float = 0.8, level: float = LEVEL) -> float:
    """Return the smallest difference of two accuracies that McNemar's test finds with the given power.

    The normal approximation for independent samples; groups make the true figure larger.

    Args:
        n: Samples.
        discordant_share: Share of samples on which exactly one of the models is right.
        power: Probability of finding the difference.
        level: One minus the test's significance level.
    """
    normal = NormalDist()
    return (normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)) * math.sqrt(discordant_share / n)
