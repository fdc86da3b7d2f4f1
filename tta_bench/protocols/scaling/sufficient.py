"""Means over seeds, and the smallest size that is shown to be as good as the largest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tta_bench.metrics.accuracy import drawn_means
from tta_bench.metrics.differences import difference_ends
from tta_bench.metrics.intervals import LEVEL, RESAMPLES, Interval
from tta_bench.metrics.proportions import Hits, effective_groups, ends, widened

SUFFICIENT_MARGIN = 0.01
"""Difference to the largest size that still counts as equally good."""
SEEDS_FOR_A_SIZE = 2
"""Fewest seeds of every size with which a size is named: the luck of one training has no estimate."""
USUAL_SEEDS = 3
"""Seeds that are asked for where nothing is known about their variance."""
MOST_SEEDS = 100
"""More seeds than this are not asked for."""


class Bound(NamedTuple):
    """Difference of the largest size to another, with one-sided bounds."""

    value: float
    """Mean of the largest minus mean of the size."""
    low: float
    """Lower bound; holds in 95 % of studies by itself."""
    high: float
    """Upper bound; holds in 95 % of studies by itself."""
    n: int
    """Test samples."""
    n_groups: int
    """Groups of the test samples."""
    spread: float | None
    """Variance of the difference from the groups; None for one group."""
    seed_spread: float | None
    """Variance of the difference of one seed from the luck of training; None for one seed."""
    freedom: int
    """Degrees of freedom of that variance, pooled over all sizes; 0 for one seed."""


class Sufficient(NamedTuple):
    """The smallest size that is shown to be as good as the largest, with the bounds behind it."""

    size: int | None
    """The largest itself where the next smaller one is shown to be worse; None where nothing can be told."""
    margin: float
    bounds: dict[int, Bound]
    """Difference of the largest to each size."""
    needed: str = ""
    """Reason why no size, or no smaller one, can be named, and what that would take; empty where nothing is open."""


class SeedSpread(NamedTuple):
    """Variance of a score from the luck of training."""

    variance: float
    """Of one seed; 0 where it is not known."""
    freedom: int
    """Degrees of freedom; 0 where it is not known."""


UNKNOWN = SeedSpread(0.0, 0)
"""The variance where there is one seed of every size."""


def seed_spread(values: Sequence[NDArray[Any]]) -> SeedSpread:
    """Return the unbiased variance of scores over seeds, pooled over sizes with several.

    Args:
        values: Hits or values of each size, ``(seeds, N)``.
    """
    scores = [np.asarray(rows, float).mean(axis=1) for rows in values]
    freedom = sum(len(seeds) - 1 for seeds in scores)
    squares = sum(float(((seeds - seeds.mean()) ** 2).sum()) for seeds in scores)
    return SeedSpread(squares / freedom, freedom) if freedom else UNKNOWN


def mean_over_seeds(
    values: NDArray[Any],
    groups: NDArray[Any],
    luck: SeedSpread = UNKNOWN,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the mean of several seeds with its interval from the groups and, of several seeds, from their variance.

    Args:
        values: ``(seeds, N)`` hits of each seed on the same samples.
        groups: ``(N,)`` group of each sample.
        luck: Variance of one seed; it is not used where there is one seed.
        level: Coverage aimed at.
        resamples: Number of resamples.
    """
    hits, names = _hits(values, groups), np.unique(groups)
    value = float(np.mean(values))
    if len(names) < 2:
        return Interval(value, 0.0, 1.0, len(groups), len(names))  # one group tells nothing of others
    drawn = drawn_means(hits, resamples=resamples)
    low, high = widened(
        value,
        *ends(value, drawn, hits.groups, hits, level),
        spread=float(np.var(drawn)),
        groups=_effective(groups),
        seeds=luck.variance / len(values) if len(values) > 1 else 0.0,
        freedom=luck.freedom,
        level=level,
    )
    return Interval(value, max(low, 0.0), min(high, 1.0), len(groups), len(names))


def smallest_sufficient(
    values: Mapping[int, NDArray[Any]],
    groups: NDArray[Any],
    margin: float = SUFFICIENT_MARGIN,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Sufficient:
    """Return the smallest size that is shown to be at most ``margin`` worse than the largest.

    A size passes if the upper one-sided bound of the difference is below the margin. Sizes are tested from the largest
    down to the first that fails (a fixed sequence), so that the error rate of all the tests is that of one. The largest
    itself is named only where the next smaller one is shown to be worse by more than the margin.

    Args:
        values: Hits by size, each ``(seeds, N)``: the same samples in the same order.
        groups: ``(N,)`` group of each sample.
        margin: Difference that still counts as equally good.
        level: Coverage of a one-sided bound.
        resamples: Number of resamples.
    """
    *smaller, largest = sorted(values)
    luck = seed_spread(list(values.values()))
    bounds = {size: _bound(values[largest], values[size], groups, luck, level, resamples) for size in smaller}
    seeds = min(len(rows) for rows in values.values())
    if not smaller:
        return Sufficient(None, margin, bounds, "there is one size, and nothing to compare it with")
    if bounds[smaller[0]].n_groups < 2:
        return Sufficient(None, margin, bounds, "all test clips are of one group, which says nothing of others")
    if seeds < SEEDS_FOR_A_SIZE:
        reason = f"one seed says nothing about the luck of training; needed: {USUAL_SEEDS} seeds or more of every size"
        return Sufficient(None, margin, bounds, reason)
    passed = largest
    for size in reversed(smaller):
        bound = bounds[size]
        if bound.high >= margin:
            worse = bound.low > margin
            named = None if passed == largest and not worse else passed
            return Sufficient(named, margin, bounds, "" if worse else f"{size:,} {_open(bound, seeds, margin, level)}")
        passed = size
    return Sufficient(passed, margin, bounds)


def _open(bound: Bound, seeds: int, margin: float, level: float) -> str:
    """Return the open question about a size, and about how many seeds or groups would tell.

    A difference as large as observed would be shown to be within the margin, or beyond it, once the bound's half width
    is below its distance from the margin.
    """
    assert bound.spread is not None
    assert bound.seed_spread is not None
    distance, quantile = abs(margin - bound.value), float(ndtri(level))
    said = f"is neither shown to be within {100 * margin:g} point of the largest nor beyond it"
    left = (distance / quantile) ** 2 - bound.spread
    if left > 0:
        needed = max(seeds + 1, math.ceil(bound.seed_spread / left)) if bound.seed_spread else seeds + 1
        if needed <= MOST_SEEDS:
            return f"{said}; needed if the difference stays: about {needed} seeds of every size"
    times = (bound.spread + bound.seed_spread / MOST_SEEDS) * quantile**2 / distance**2 if distance else math.inf
    if times > 1000:
        return f"{said}; it lies at the margin, where no study tells"
    groups = math.ceil(bound.n_groups * max(times, 1))
    return f"{said}; needed if the difference stays: about {groups:,} groups of test clips, and more seeds"


def _bound(
    best: NDArray[Any], other: NDArray[Any], groups: NDArray[Any], luck: SeedSpread, level: float, resamples: int
) -> Bound:
    """Return the difference of two sizes' means with one-sided bounds."""
    sides = _hits(best, groups), _hits(other, groups)
    values = float(np.mean(best)), float(np.mean(other))
    value, n_groups = values[0] - values[1], len(np.unique(groups))
    several = min(len(best), len(other)) > 1
    seed_part = 2 * luck.variance if several else None
    freedom = luck.freedom if several else 0
    if n_groups < 2:
        return Bound(value, -1.0, 1.0, len(groups), n_groups, None, seed_part, freedom)
    drawn = drawn_means(sides[0], resamples=resamples), drawn_means(sides[1], resamples=resamples)
    both = 2 * level - 1  # a two-sided interval of this coverage has one-sided ends
    spread = float(np.var(drawn[0] - drawn[1]))
    low, high = widened(
        value,
        *difference_ends(values, drawn, sides[0].groups, sides, both),
        spread=spread,
        groups=_effective(groups),
        seeds=luck.variance * (1 / len(best) + 1 / len(other)) if several else 0.0,
        freedom=luck.freedom,
        level=both,
    )
    return Bound(value, low, high, len(groups), n_groups, spread, seed_part, freedom)


def _hits(values: NDArray[Any], groups: NDArray[Any]) -> Hits:
    """Return all seeds' samples, each beside its group."""
    rows = np.asarray(values)
    return Hits(rows.reshape(-1), np.tile(groups, len(rows)))


def _effective(groups: NDArray[Any]) -> float:
    return effective_groups(np.unique(groups, return_counts=True)[1])
