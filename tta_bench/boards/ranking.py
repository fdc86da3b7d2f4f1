"""Who is ahead of whom: the interval of each row, and ranks shared by what cannot be told apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.boards.resampling import Correlations, Shares, can_resample, runs_of_a_split
from tta_bench.boards.rows import Row
from tta_bench.metrics.intervals import RESAMPLES, percentiles, resample_weights
from tta_bench.records.files import AnyOutcomes


class RankedRow(NamedTuple):
    """A row's place."""

    row: Row
    score: float
    low: float | None
    high: float | None
    n_groups: int
    """Groups that the interval rests on."""
    rank: int | None
    """None for a row that lacks a split."""
    shared: bool
    """Whether other rows have the same rank."""


class Resampled(NamedTuple):
    """A row's score in each resample of its groups."""

    scores: NDArray[np.float64]
    n_groups: int


def standings(rows: Sequence[Row], metric: str) -> list[RankedRow]:
    """Return the rows by falling score, those that lack a split last, each with its interval and its rank.

    Going down, a row shares the rank of the best row of the current group unless the 95 % interval of their paired
    difference, over the same resamples, leaves out 0.
    """
    scores = {row: row.mean(metric) for row in rows}
    ordered = sorted(scores, key=lambda row: (bool(row.missing), -scores[row], row.entries[0].link))
    resampled = resample_rows(ordered, metric)
    complete = [found for row, found in zip(ordered, resampled, strict=True) if not row.missing]
    ranks = [*shared_ranks(complete), *[None] * (len(ordered) - len(complete))]
    members = Counter(ranks)
    return [
        RankedRow(row, scores[row], *_interval(row, metric, found), rank, rank is not None and members[rank] > 1)
        for row, found, rank in zip(ordered, resampled, ranks, strict=True)
    ]


def shared_ranks(resampled: Sequence[Resampled | None]) -> list[int]:
    """Return the rank of each row, given from the best to the worst; a row without resamples stands for itself."""
    ranks: list[int] = []
    best = 0
    for place, found in enumerate(resampled):
        if place and _separable(resampled[best], found):
            best = place
        ranks.append(best + 1)
    return ranks


def resample_rows(rows: Sequence[Row], metric: str) -> list[Resampled | None]:
    """Return each row's score in the same resamples of groups; None where outcomes or the metric do not allow it.

    Only rows with the same splits are resampled together. Where a row has several seeds in a split, these are resampled
    too, as a second level: the interval then covers the luck of training as well as the choice of clips.
    """
    together: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if all(can_resample(entry.outcomes, metric) for entry in row.entries):
            together[tuple(row.splits)].append(place)
    found: list[Resampled | None] = [None] * len(rows)
    for places in together.values():
        scores, n_groups = _resample_together([rows[place] for place in places], metric)
        for place, column in zip(places, scores.T, strict=True):
            found[place] = Resampled(column, n_groups)
    return found


class _Split(NamedTuple):
    """One split's part in the resampling."""

    groups: NDArray[np.intp]
    """``(G,)`` places of its groups among the groups of all splits."""
    runs: Shares | Correlations
    """The runs of all rows."""
    seeds: NDArray[np.intp]
    """``(rows,)`` how many of these runs belong to each row, one after the other."""


def _resample_together(rows: Sequence[Row], metric: str) -> tuple[NDArray[np.float64], int]:
    """Return the rows' scores in each resample, ``(resamples, rows)``, and the number of groups."""
    outcomes = [[[_needed(entry.outcomes) for entry in runs] for runs in row.splits.values()] for row in rows]
    groups = np.unique(np.concatenate([split[0].groups for split in outcomes[0]]))
    splits = [_split(list(runs), groups, metric) for runs in zip(*outcomes, strict=True)]
    several = {int(n) for split in splits for n in split.seeds}
    seeds = {n: np.concatenate(list(resample_weights(n, unit="seed"))) for n in several}
    scores = np.empty((RESAMPLES, len(rows)))
    start = 0
    for weights in resample_weights(len(groups), block=1000):  # small products leave BLAS's threads waiting
        stop = start + len(weights)
        scores[start:stop] = _block(weights, splits, {n: drawn[start:stop] for n, drawn in seeds.items()})
        start = stop
    return scores, len(groups)


def _split(runs: list[list[AnyOutcomes]], groups: NDArray[np.uint64], metric: str) -> _Split:
    """Return a split's runs, given the outcomes of each row's seeds."""
    places = np.searchsorted(groups, np.unique(runs[0][0].groups))
    flat = [outcomes for row in runs for outcomes in row]
    return _Split(places, runs_of_a_split(flat, metric), np.array([len(row) for row in runs]))


def _block(
    weights: NDArray[np.float64], splits: Sequence[_Split], seeds: dict[int, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the mean over splits of the mean over seeds for a block of resamples, ``(resamples, rows)``."""
    total = np.zeros((len(weights), len(splits[0].seeds)))
    present = np.zeros((len(weights), 1))
    for split in splits:
        means, counts = split.runs.resampled(weights[:, split.groups])
        total += _mean_over_seeds(means, split.seeds, seeds)
        present += counts > 0
    return total / present


def _mean_over_seeds(
    means: NDArray[np.float64], seeds: NDArray[np.intp], drawn: dict[int, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return each row's mean over its runs, each run counted as often as it was drawn, ``(resamples, rows)``."""
    if (seeds == 1).all():
        return means
    shares = np.concatenate([drawn[int(n)] / n for n in seeds], axis=1)
    return np.add.reduceat(means * shares, np.cumsum(seeds) - seeds, axis=1)


def _separable(best: Resampled | None, other: Resampled | None) -> bool:
    if best is None or other is None:
        return True
    return bool(percentiles(best.scores - other.scores)[0] > 0)


def _interval(row: Row, metric: str, found: Resampled | None) -> tuple[float | None, float | None, int]:
    """Return the ends of a row's interval and its number of groups; those of its record where it has just one."""
    if found is not None:
        low, high = percentiles(found.scores)
        return (float(low), float(high), found.n_groups) if found.n_groups > 1 else (None, None, 1)
    stated = row.first.metrics[metric]
    return (stated.low, stated.high, stated.n_groups) if len(row.entries) == 1 else (None, None, stated.n_groups)


def _needed(outcomes: AnyOutcomes | None) -> AnyOutcomes:
    assert outcomes is not None
    return outcomes
