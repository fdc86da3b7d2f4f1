"""Comparison of two models on the same samples."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.metrics.intervals import LEVEL


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


def two_sided_p(resampled: NDArray[np.float64]) -> float:
    """Return twice the smaller share of resamples on either side of 0, one being added to each count (never 0)."""
    below, above = int((resampled <= 0).sum()), int((resampled >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(resampled) + 1))


def discordant(a: NDArray[Any], b: NDArray[Any]) -> tuple[int, int]:
    """Return the numbers of samples that the first model alone gets right, and the second; a tie is not right."""
    first, second = np.asarray(a) == 1, np.asarray(b) == 1
    return int((first & ~second).sum()), int((~first & second).sum())


def mcnemar_exact(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the two-sided exact p-value of McNemar's test: a fair coin over the discordant samples.

    It assumes independent samples, which clips of one source are not; the bootstrap over groups does not.

    Args:
        a: ``(N,)`` the first model's hits.
        b: ``(N,)`` the second model's hits on the same samples.
    """
    from scipy.stats import binomtest  # costs .4 s, and boards do not need it

    only_a, only_b = discordant(a, b)
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


ALIKE = (0.1, 0.4)
"""Correlations of the clips of one group that a detectable difference is stated for: mild and strong."""


SHARES = (0.06, 0.15, 0.25)
"""Shares of clips that only one of two models gets right, for which it is stated."""


def group_size(groups: NDArray[Any]) -> float:
    """Return the mean size of the group that a sample is in, ``sum m^2 / sum m`` over group sizes m."""
    sizes = np.unique(groups, return_counts=True)[1]
    return float((sizes**2).sum() / sizes.sum())


def design_effect(size: float, alike: float) -> float:
    """Return the factor by which groups raise the variance of a mean (Kish 1965, Survey Sampling, section 5.4).

    Args:
        size: Mean size of the group that a sample is in.
        alike: Correlation of the samples of one group.
    """
    return 1 + alike * (size - 1)


def detectable_difference(
    n: int, discordant_share: float, power: float = 0.8, level: float = LEVEL, effect: float = 1.0
) -> float:
    """Return the smallest difference of two accuracies that a paired test finds with the given power.

    The normal approximation, on ``n`` over the design effect of the groups.

    Args:
        n: Samples.
        discordant_share: Share of samples on which exactly one of the models is right.
        power: Probability of finding the difference.
        level: One minus the test's significance level.
        effect: Design effect of the groups; 1 for independent samples.
    """
    normal = NormalDist()
    return (normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)) * math.sqrt(discordant_share * effect / n)
