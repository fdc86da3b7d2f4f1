"""Scores of rows in resamples of their groups, and the part of each score that a group contributes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.boards.rows import Entry, Row
from tta_bench.metrics import METRICS, SampleMetric
from tta_bench.metrics.intervals import FEW_GROUPS, group_codes, in_place, resample_weights
from tta_bench.metrics.proportions import FEW_MISSES, Hits, effective_groups, ends, groups_with_both, widened
from tta_bench.metrics.ranks import SeedNoise
from tta_bench.metrics.resamplers import Resampler, mean_over_seeds


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


@dataclass(frozen=True, eq=False)
class Comparable:
    """Rows that have the same splits and the samples that a metric is computed from, ready to be resampled together."""

    rows: Sequence[Row]
    """The rows."""
    metric: SampleMetric[Any]
    """The metric."""

    @cached_property
    def _groups(self) -> NDArray[Any]:
        """``(G,)`` groups of all splits; all rows have the same."""
        return np.unique(
            np.concatenate([runs[0].samples_for(self.metric).groups for runs in self.rows[0].splits.values()])
        )

    @cached_property
    def _splits(self) -> list[_Split]:
        return [
            _split([row.splits[split] for row in self.rows], self._groups, self.metric) for split in self.rows[0].splits
        ]

    @cached_property
    def _noise(self) -> SeedNoise:
        """Variance of the rows' scores from their seeds, pooled over rows and splits with two or more."""
        squares, freedom = 0.0, 0
        variances = np.zeros(len(self.rows))
        for split in self._splits:
            (scores,), _ = split.runs.resampled(np.ones((1, split.n_groups)))
            means = np.repeat(mean_over_seeds(scores[None], split.seeds)[0], split.seeds)
            squares += float(((scores - means) ** 2).sum())
            freedom += int((split.seeds - 1).sum())
            variances += np.where(split.seeds > 1, 1 / split.seeds, 0)
        return SeedNoise(variances * squares / max(freedom, 1) / len(self._splits) ** 2, freedom)

    def resampled(self) -> Iterator[Resampled]:
        """Yield each row's score in the same resamples of the groups."""
        for row, scores, noise in zip(self.rows, self._resample().T, self._noise.variances, strict=True):
            groups, hits = _samples(row, self.metric)
            yield Resampled(scores, groups, group_codes(groups).sizes, hits, noise, self._noise.freedom)

    def contributions(self) -> tuple[NDArray[np.float64], SeedNoise | None]:
        """Return the part of each row's score that a group contributes, ``(G, rows)``, and the variance of its seeds.

        Of a share of hits this is the group's hits divided by the number of samples. Of other metrics it is the
        jackknife's: the score that is lost with the group, and the group's share of the samples in the score.
        """
        total = np.zeros((len(self._groups), len(self.rows)))
        for split in self._splits:
            total[split.groups] += mean_over_seeds(leave_one_out(split.runs, split.n_groups), split.seeds)
        return total / len(self._splits), self._noise if self._noise.freedom else None

    def _resample(self) -> NDArray[np.float64]:
        """Return the rows' mean over splits and seeds in each resample of the groups, ``(resamples, rows)``."""
        blocks = []
        rows = [split.runs.means(split.seeds) for split in self._splits]
        for weights in resample_weights(len(self._groups), block=1000):  # small products leave BLAS's threads waiting
            total = np.zeros((len(weights), len(self.rows)))
            present = np.zeros((len(weights), 1))
            for split, means_of in zip(self._splits, rows, strict=True):
                means, counts = means_of.resampled(weights[:, split.groups])
                total += means
                present += counts > 0
            blocks.append(total / present)
        return np.concatenate(blocks)


def comparable(rows: Sequence[Row], metric: str) -> list[Comparable]:
    """Return the rows that can be resampled together: they have, and lack, the same splits, and have samples."""
    computed = METRICS.of_samples(metric)
    if computed is None:
        return []
    same_splits: dict[tuple[tuple[str, ...], ...], list[Row]] = defaultdict(list)
    for row in rows:
        if all(entry.samples_for(computed) is not None for entry in row.entries):
            same_splits[tuple(row.splits), tuple(row.missing)].append(row)
    return [Comparable(alike, computed) for alike in same_splits.values()]


def resample_rows(alike: Iterable[Comparable]) -> dict[Row, Resampled]:
    """Return each row's score in resamples of its groups, the same ones for rows that can be compared."""
    return {row: drawn for rows in alike for row, drawn in zip(rows.rows, rows.resampled(), strict=True)}


def leave_one_out(runs: Resampler, groups: int) -> NDArray[np.float64]:
    """Return the part of each run's score that a group contributes, ``(groups, runs)``, as `Comparable` has it."""
    score, size = runs.resampled(np.ones((1, groups)))
    without, left = runs.resampled(1.0 - np.eye(groups))
    kept = left.astype(np.float64) / size
    return np.asarray((score - without) * kept + score * (1 - kept))


class _Split(NamedTuple):
    """One split's part in the resampling."""

    groups: NDArray[np.intp] | slice
    """Places of its groups among the groups of all splits, ``(G,)``; a slice where they stand side by side."""
    n_groups: int
    """Number of them."""
    runs: Resampler
    """The runs of all rows."""
    seeds: NDArray[np.intp]
    """``(rows,)`` number of runs of each row, which stand one after the other."""


def _split(runs: Sequence[Sequence[Entry]], groups: NDArray[Any], metric: SampleMetric[Any]) -> _Split:
    """Return a split's runs, given those of each row's seeds, and the groups of all splits."""
    samples = [entry.samples_for(metric) for row in runs for entry in row]
    places = np.searchsorted(groups, np.unique(samples[0].groups))
    return _Split(in_place(places), len(places), metric.resampler(samples), np.array([len(row) for row in runs]))


def _samples(row: Row, metric: SampleMetric[Any]) -> tuple[NDArray[Any], Hits | None]:
    """Return the group of every sample of a row's runs, and its hits where the metric is a proportion."""
    samples = [entry.samples_for(metric) for entry in row.entries]
    hits = [hits for run in samples if (hits := metric.proportion(run)) is not None]
    if not hits:
        return np.concatenate([run.groups for run in samples]), None
    right, groups = (np.concatenate(column) for column in zip(*hits, strict=True))
    return groups, Hits(right, groups)
