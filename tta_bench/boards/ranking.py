"""Ranking of rows: the interval of each, and ranks from simultaneous comparisons of all pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.boards.rows import Row
from tta_bench.metrics import METRICS, SampleMetric
from tta_bench.metrics.base import Resampler
from tta_bench.metrics.intervals import RESAMPLES, percentiles, resample_weights
from tta_bench.metrics.ranks import RankRange, SeedNoise, better, ranks


class RankedRow(NamedTuple):
    """A row with its score, interval and rank."""

    row: Row
    score: float
    low: float | None
    high: float | None
    n_groups: int
    """Groups that the interval rests on."""
    rank: int | None
    """1 + the number of rows that are significantly better; None for a row that lacks a split."""
    lowest: int | None
    """The lowest rank that it may have: the number of rows minus those that are significantly worse."""

    @property
    def shared(self) -> bool:
        """True if the row cannot be told from another that is not significantly better or worse."""
        return self.rank != self.lowest


class Resampled(NamedTuple):
    """A row's score in each resample of its groups."""

    scores: NDArray[np.float64]
    n_groups: int


def rank_rows(rows: Sequence[Row], metric: str) -> list[RankedRow]:
    """Return the rows from best to worst, those that lack a split last, each with its interval and its rank.

    Ranks are from simultaneous comparisons of all pairs: of equally good rows, however many, any two are ranked apart
    on at most 5 % of boards.
    """
    sign = 1 if METRICS.describe(metric).higher_is_better else -1
    scores = {row: row.mean(metric) for row in rows}
    ordered = sorted(scores, key=lambda row: (bool(row.missing), -sign * scores[row], row.entries[0].link))
    resampled = resample_rows(ordered, metric)
    complete = [row for row in ordered if not row.missing]
    ranges = [*rank_ranges(complete, metric), *[(None, None)] * (len(ordered) - len(complete))]
    return [
        RankedRow(row, scores[row], *_interval(row, metric, drawn), *found)
        for row, drawn, found in zip(ordered, resampled, ranges, strict=True)
    ]


def rank_ranges(rows: Sequence[Row], metric: str) -> list[RankRange]:
    """Return the rank of each row and the lowest that it may have, from simultaneous comparisons of all pairs.

    Rows are compared on the same samples of the same splits; a row whose samples are not there is compared with none.
    """
    above = np.zeros((len(rows), len(rows)), bool)
    for members, computed in _comparable(rows, metric):
        contributions, noise = _contributions([rows[index] for index in members], computed)
        above[np.ix_(members, members)] = better(contributions if computed.higher_is_better else -contributions, noise)
    return ranks(above)


def resample_rows(rows: Sequence[Row], metric: str) -> list[Resampled | None]:
    """Return each row's score in the same resamples of groups; None where the metric's samples are not there.

    Only rows with the same splits are resampled together. Where a row has several seeds in a split, these are resampled
    too, as a second level: the interval then covers the luck of training as well as the choice of clips.
    """
    resampled: list[Resampled | None] = [None] * len(rows)
    for members, computed in _comparable(rows, metric):
        scores, n_groups = _resample_together([rows[index] for index in members], computed)
        for index, column in zip(members, scores.T, strict=True):
            resampled[index] = Resampled(column, n_groups)
    return resampled


def _comparable(rows: Sequence[Row], metric: str) -> Iterator[tuple[list[int], SampleMetric[Any]]]:
    """Yield the indices of rows that have the same splits and the samples that the metric is computed from."""
    computed = METRICS.of_samples(metric)
    if computed is None:
        return
    same_splits: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if all(entry.samples_for(computed) is not None for entry in row.entries):
            same_splits[tuple(row.splits)].append(index)
    yield from ((members, computed) for members in same_splits.values())


class _Split(NamedTuple):
    """One split's part in the resampling."""

    groups: NDArray[np.intp]
    """``(G,)`` indices of its groups among the groups of all splits."""
    runs: Resampler
    """The runs of all rows."""
    seeds: NDArray[np.intp]
    """``(rows,)`` number of runs of each row, which stand one after the other."""


def _splits(rows: Sequence[Row], metric: SampleMetric[Any]) -> tuple[list[_Split], int]:
    """Return the splits of rows and the number of groups in all of them."""
    samples = [[[entry.samples_for(metric) for entry in runs] for runs in row.splits.values()] for row in rows]
    groups = np.unique(np.concatenate([split[0].groups for split in samples[0]]))
    return [_split(list(runs), groups, metric) for runs in zip(*samples, strict=True)], len(groups)


def _contributions(rows: Sequence[Row], metric: SampleMetric[Any]) -> tuple[NDArray[np.float64], SeedNoise | None]:
    """Return the part of each row's score that a group contributes, ``(G, rows)``, and the variance of its seeds.

    Of a share of hits this is the group's hits divided by the number of samples. Of other metrics it is the
    jackknife's: the score that is lost with the group, and the group's share of the samples in the score.
    """
    splits, n_groups = _splits(rows, metric)
    contributions = np.zeros((n_groups, len(rows)))
    squares, variances, freedom = 0.0, np.zeros(len(rows)), 0
    for split in splits:
        members = len(split.groups)
        (score,), (size,) = split.runs.resampled(np.ones((1, members)))
        without, left = split.runs.resampled(1.0 - np.eye(members))
        kept = left.astype(np.float64) / size
        parts = (score - without) * kept + score * (1 - kept)
        starts = np.cumsum(split.seeds) - split.seeds
        contributions[split.groups] += np.add.reduceat(parts, starts, axis=1) / split.seeds
        for start, seeds in zip(starts, split.seeds, strict=True):
            squares += ((score[start : start + seeds] - score[start : start + seeds].mean()) ** 2).sum()
            freedom += int(seeds) - 1
        variances += np.where(split.seeds > 1, 1 / split.seeds, 0)
    noise = SeedNoise(variances * squares / freedom / len(splits) ** 2, freedom) if freedom else None
    return contributions / len(splits), noise


def _resample_together(rows: Sequence[Row], metric: SampleMetric[Any]) -> tuple[NDArray[np.float64], int]:
    """Return the rows' scores in each resample, ``(resamples, rows)``, and the number of groups."""
    splits, n_groups = _splits(rows, metric)
    several = {int(n) for split in splits for n in split.seeds}
    seeds = {n: np.concatenate(list(resample_weights(n, unit="seed"))) for n in several}
    scores = np.empty((RESAMPLES, len(rows)))
    start = 0
    for weights in resample_weights(n_groups, block=1000):  # small products leave BLAS's threads waiting
        stop = start + len(weights)
        scores[start:stop] = _block(weights, splits, {n: drawn[start:stop] for n, drawn in seeds.items()})
        start = stop
    return scores, n_groups


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


def _interval(row: Row, metric: str, resampled: Resampled | None) -> tuple[float | None, float | None, int]:
    """Return the ends of a row's interval and its number of groups; those of its record where it has just one."""
    if resampled is not None:
        low, high = percentiles(resampled.scores)
        return (float(low), float(high), resampled.n_groups) if resampled.n_groups > 1 else (None, None, 1)
    stated = row.first.metrics[metric]
    return (stated.low, stated.high, stated.n_groups) if len(row.entries) == 1 else (None, None, stated.n_groups)
