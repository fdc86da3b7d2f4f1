"""Scores of rows in resamples of their groups, and the part of each score that a group contributes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.boards.rows import Row
from tta_bench.metrics import METRICS, SampleMetric
from tta_bench.metrics.accuracy import Shares
from tta_bench.metrics.base import Resampler
from tta_bench.metrics.intervals import FEW_GROUPS, group_codes, resample_weights
from tta_bench.metrics.proportions import FEW_MISSES, Hits, effective_groups, ends, groups_with_both, widened
from tta_bench.metrics.ranks import SeedNoise


class Resampled(NamedTuple):
    """A row's score in each resample of its groups, and what its interval depends on besides."""

    scores: NDArray[np.float64]
    """``(resamples,)``, the mean over splits and seeds."""
    groups: NDArray[Any]
    """``(N,)`` group of every sample of every run."""
    sizes: NDArray[np.intp]
    """``(G,)`` samples of each group."""
    hits: Hits | None
    """All runs' samples, where the metric is a proportion."""
    noise: float
    """Variance of the score from the luck of training; 0 for one seed, where it is not known."""
    freedom: int
    """Degrees of freedom of that variance."""

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.sizes)

    @property
    def rough(self) -> bool:
        """True if few groups say how alike their clips are."""
        if self.n_groups < 2:
            return False
        return self.n_groups < FEW_GROUPS or (self.hits is not None and groups_with_both(self.hits) < FEW_MISSES)

    def interval(self, score: float) -> tuple[float, float]:
        """Return the ends of the score's interval; of two groups at least."""
        low, high = widened(
            score,
            *ends(score, self.scores, self.groups, self.hits),
            spread=float(np.var(self.scores)),
            groups=effective_groups(self.sizes),
            seeds=self.noise,
            freedom=self.freedom,
        )
        return (low, high) if self.hits is None else (max(low, 0.0), min(high, 1.0))


def resample_rows(rows: Sequence[Row], metric: str) -> list[Resampled | None]:
    """Return each row's score in the same resamples of groups; None where the metric's samples are not there.

    Only rows with the same splits are resampled together. The variance of seeds is pooled over them.
    """
    resampled: list[Resampled | None] = [None] * len(rows)
    for members, computed in comparable(rows, metric):
        same = [rows[index] for index in members]
        splits, n_groups = _splits(same, computed)
        noise = _seed_noise(splits)
        for position, (index, column) in enumerate(zip(members, _resample(splits, n_groups).T, strict=True)):
            groups, hits = _samples(same[position], computed)
            sizes = group_codes(groups).sizes
            resampled[index] = Resampled(column, groups, sizes, hits, noise.variances[position], noise.freedom)
    return resampled


def comparable(rows: Sequence[Row], metric: str) -> Iterator[tuple[list[int], SampleMetric[Any]]]:
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

    def mean_over_seeds(self, runs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each row's mean over its runs, ``(M, rows)`` of ``(M, runs)``."""
        if (self.seeds == 1).all():
            return runs
        return np.add.reduceat(runs, self.starts, axis=1) / self.seeds

    @property
    def starts(self) -> NDArray[np.intp]:
        """``(rows,)`` place of each row's first run."""
        return np.cumsum(self.seeds) - self.seeds


def _splits(rows: Sequence[Row], metric: SampleMetric[Any]) -> tuple[list[_Split], int]:
    """Return the splits of rows and the number of groups in all of them."""
    samples = [[[entry.samples_for(metric) for entry in runs] for runs in row.splits.values()] for row in rows]
    groups = np.unique(np.concatenate([split[0].groups for split in samples[0]]))
    return [_split(list(runs), groups, metric) for runs in zip(*samples, strict=True)], len(groups)


def contributions(rows: Sequence[Row], metric: SampleMetric[Any]) -> tuple[NDArray[np.float64], SeedNoise | None]:
    """Return the part of each row's score that a group contributes, ``(G, rows)``, and the variance of its seeds.

    Of a share of hits this is the group's hits divided by the number of samples. Of other metrics it is the
    jackknife's: the score that is lost with the group, and the group's share of the samples in the score.
    """
    splits, n_groups = _splits(rows, metric)
    total = np.zeros((n_groups, len(rows)))
    for split in splits:
        total[split.groups] += split.mean_over_seeds(leave_one_out(split.runs, len(split.groups)))
    noise = _seed_noise(splits)
    return total / len(splits), noise if noise.freedom else None


def leave_one_out(runs: Resampler, groups: int) -> NDArray[np.float64]:
    """Return the part of each run's score that a group contributes, ``(groups, runs)``, as `contributions` has it."""
    score, size = runs.resampled(np.ones((1, groups)))
    without, left = runs.resampled(1.0 - np.eye(groups))
    kept = left.astype(np.float64) / size
    return np.asarray((score - without) * kept + score * (1 - kept))


def _seed_noise(splits: Sequence[_Split]) -> SeedNoise:
    """Return the variance of the rows' scores from their seeds, pooled over rows and splits with two or more."""
    squares, freedom = 0.0, 0
    variances = np.zeros(len(splits[0].seeds))
    for split in splits:
        (scores,), _ = split.runs.resampled(np.ones((1, len(split.groups))))
        means = np.repeat(split.mean_over_seeds(scores[None])[0], split.seeds)
        squares += float(((scores - means) ** 2).sum())
        freedom += int((split.seeds - 1).sum())
        variances += np.where(split.seeds > 1, 1 / split.seeds, 0)
    return SeedNoise(variances * squares / max(freedom, 1) / len(splits) ** 2, freedom)


def _samples(row: Row, metric: SampleMetric[Any]) -> tuple[NDArray[Any], Hits | None]:
    """Return the group of every sample of a row's runs, and its hits where the metric is a proportion."""
    samples = [entry.samples_for(metric) for entry in row.entries]
    hits = [hits for run in samples if (hits := metric.proportion(run)) is not None]
    if not hits:
        return np.concatenate([run.groups for run in samples]), None
    right, groups = (np.concatenate(column) for column in zip(*hits, strict=True))
    return groups, Hits(right, groups)


def _resample(splits: Sequence[_Split], n_groups: int) -> NDArray[np.float64]:
    """Return the rows' mean over splits and seeds in each resample of the groups, ``(resamples, rows)``."""
    blocks = []
    means_of = [_means_of_rows(split) for split in splits]
    for weights in resample_weights(n_groups, block=1000):  # small products leave BLAS's threads waiting
        total = np.zeros((len(weights), len(splits[0].seeds)))
        present = np.zeros((len(weights), 1))
        for split, means_in in zip(splits, means_of, strict=True):
            means, counts = means_in(weights.take(split.groups, axis=1))
            total += means
            present += counts > 0
        blocks.append(total / present)
    return np.concatenate(blocks)


def _means_of_rows(split: _Split) -> Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[Any]]]:
    """Return a function of the draws of a split's groups: each row's mean over its runs, and the number of samples.

    Shares of hits are added up over a row's seeds before they are drawn, which leaves fewer numbers to add up.
    """
    runs = split.runs
    if isinstance(runs, Shares):
        summed = runs._replace(sums=np.add.reduceat(runs.sums, split.starts, axis=1))

        def mean_share(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[Any]]:
            sums, counts = summed.resampled(weights)
            return sums / split.seeds, counts

        return mean_share

    def mean(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[Any]]:
        means, counts = runs.resampled(weights)
        return split.mean_over_seeds(means), counts

    return mean


def _split(runs: list[list[Any]], groups: NDArray[Any], metric: SampleMetric[Any]) -> _Split:
    """Return a split's runs, given the samples of each row's seeds."""
    indices = np.searchsorted(groups, np.unique(runs[0][0].groups))
    flat = [samples for row in runs for samples in row]
    return _Split(indices, metric.resampler(flat), np.array([len(row) for row in runs]))
