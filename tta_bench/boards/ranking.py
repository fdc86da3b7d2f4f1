"""Ranking of rows: the interval of each, and ranks that rows share if their difference is not separable."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.boards.rows import Row
from tta_bench.metrics import METRICS, SampleMetric
from tta_bench.metrics.base import Resampler
from tta_bench.metrics.intervals import RESAMPLES, percentiles, resample_weights


class RankedRow(NamedTuple):
    """A row with its score, interval and rank."""

    row: Row
    score: float
    low: float | None
    high: float | None
    n_groups: int
    """Groups that the interval rests on."""
    rank: int | None
    """None for a row that lacks a split."""
    shared: bool
    """Other rows have the same rank."""


class Resampled(NamedTuple):
    """A row's score in each resample of its groups."""

    scores: NDArray[np.float64]
    n_groups: int


def rank_rows(rows: Sequence[Row], metric: str) -> list[RankedRow]:
    """Return the rows from best to worst, those that lack a split last, each with its interval and its rank.

    Going down, a row shares the rank of the best row of the current group unless the 95 % interval of their paired
    difference, over the same resamples, leaves out 0.
    """
    sign = 1 if METRICS.describe(metric).higher_is_better else -1
    scores = {row: row.mean(metric) for row in rows}
    ordered = sorted(scores, key=lambda row: (bool(row.missing), -sign * scores[row], row.entries[0].link))
    resampled = resample_rows(ordered, metric)
    complete = [scores for row, scores in zip(ordered, resampled, strict=True) if not row.missing]
    ranks = [*shared_ranks(complete, sign), *[None] * (len(ordered) - len(complete))]
    members = Counter(ranks)
    return [
        RankedRow(row, scores[row], *_interval(row, metric, drawn), rank, rank is not None and members[rank] > 1)
        for row, drawn, rank in zip(ordered, resampled, ranks, strict=True)
    ]


def shared_ranks(resampled: Sequence[Resampled | None], sign: int = 1) -> list[int]:
    """Return the rank of each row, given from the best to the worst; a row without resamples shares none.

    Args:
        resampled: Scores of each row in the same resamples.
        sign: -1 for a metric of which less is better.
    """
    ranks: list[int] = []
    best = 0
    for index, row in enumerate(resampled):
        if index and _separable(resampled[best], row, sign):
            best = index
        ranks.append(best + 1)
    return ranks


def resample_rows(rows: Sequence[Row], metric: str) -> list[Resampled | None]:
    """Return each row's score in the same resamples of groups; None where the metric's samples are not there.

    Only rows with the same splits are resampled together. Where a row has several seeds in a split, these are resampled
    too, as a second level: the interval then covers the luck of training as well as the choice of clips.
    """
    resampled: list[Resampled | None] = [None] * len(rows)
    computed = METRICS.of_samples(metric)
    if computed is None:
        return resampled
    same_splits: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if all(entry.samples_for(computed) is not None for entry in row.entries):
            same_splits[tuple(row.splits)].append(index)
    for members in same_splits.values():
        scores, n_groups = _resample_together([rows[index] for index in members], computed)
        for index, column in zip(members, scores.T, strict=True):
            resampled[index] = Resampled(column, n_groups)
    return resampled


class _Split(NamedTuple):
    """One split's part in the resampling."""

    groups: NDArray[np.intp]
    """``(G,)`` indices of its groups among the groups of all splits."""
    runs: Resampler
    """The runs of all rows."""
    seeds: NDArray[np.intp]
    """``(rows,)`` number of runs of each row, which stand one after the other."""


def _resample_together(rows: Sequence[Row], metric: SampleMetric[Any]) -> tuple[NDArray[np.float64], int]:
    """Return the rows' scores in each resample, ``(resamples, rows)``, and the number of groups."""
    samples = [[[entry.samples_for(metric) for entry in runs] for runs in row.splits.values()] for row in rows]
    groups = np.unique(np.concatenate([split[0].groups for split in samples[0]]))
    splits = [_split(list(runs), groups, metric) for runs in zip(*samples, strict=True)]
    several = {int(n) for split in splits for n in split.seeds}
    seeds = {n: np.concatenate(list(resample_weights(n, unit="seed"))) for n in several}
    scores = np.empty((RESAMPLES, len(rows)))
    start = 0
    for weights in resample_weights(len(groups), block=1000):  # small products leave BLAS's threads waiting
        stop = start + len(weights)
        scores[start:stop] = _block(weights, splits, {n: drawn[start:stop] for n, drawn in seeds.items()})
        start = stop
    return scores, len(groups)


def _split(runs: list[list[Any]], groups: NDArray[Any], metric: SampleMetric[Any]) -> _Split:
    """Return a split's runs, given the samples of each row's seeds."""
    indices = np.searchsorted(groups, np.unique(runs[0][0].groups))
    flat = [samples for row in runs for samples in row]
    return _Split(indices, metric.resampler(flat), np.array([len(row) for row in runs]))


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


def _separable(best: Resampled | None, other: Resampled | None, sign: int) -> bool:
    if best is None or other is None:
        return True
    return bool(percentiles(sign * (best.scores - other.scores))[0] > 0)


def _interval(row: Row, metric: str, resampled: Resampled | None) -> tuple[float | None, float | None, int]:
    """Return the ends of a row's interval and its number of groups; those of its record where it has just one."""
    if resampled is not None:
        low, high = percentiles(resampled.scores)
        return (float(low), float(high), resampled.n_groups) if resampled.n_groups > 1 else (None, None, 1)
    stated = row.first.metrics[metric]
    return (stated.low, stated.high, stated.n_groups) if len(row.entries) == 1 else (None, None, stated.n_groups)
