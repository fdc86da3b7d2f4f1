"""Accuracy of classification, computed from the rank of the true class, so that ranks are all that need be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tta_bench.metrics.base import METRICS, SampleMetric
from tta_bench.metrics.intervals import RESAMPLES, group_codes, group_sums, resampled_means
from tta_bench.metrics.proportions import Hits
from tta_bench.metrics.resamplers import Resampler, sums_over_seeds
from tta_bench.metrics.ties import Places, TiedRanks, counted, hits, official_hits


def true_class_rank(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the rank of the true class: the number of other classes that score at least as high, 0 being a hit.

    A class that ties counts as higher, and so does a score that is not a number; `metrics.ties` takes ties back out.
    Where scores differ, as softmax averages do, top-k accuracy from these ranks equals MMAction2's ``top_k_accuracy``,
    whose argsort breaks ties by class number.

    Args:
        scores: ``(N, C)``, higher is better.
        labels: ``(N,)`` true classes in ``[0, C)``.
    """
    true = np.take_along_axis(scores, labels[:, None], axis=1)
    at_least: NDArray[np.int64] = (~(scores < true)).sum(axis=1, dtype=np.int64)
    return at_least - 1


def top_k(ranks: NDArray[np.integer], k: int) -> float:
    """Return the share of samples whose true class is among the ``k`` highest scores."""
    return float(np.mean(ranks < k))


def per_class_accuracy(
    hits: NDArray[Any], labels: NDArray[np.integer], classes: int | None = None
) -> NDArray[np.float64]:
    """Return each class's share of hits, ``(classes,)``; not a number for a class without samples.

    Args:
        hits: ``(N,)`` what each sample counts: True, or a part of 1, where its highest score is its true class's.
        labels: ``(N,)`` true classes.
        classes: Number of classes; by default one more than the highest label.
    """
    length = classes or 0
    counts = np.bincount(labels, minlength=length)
    right = np.bincount(labels, weights=hits, minlength=length)
    shares = np.full(len(counts), np.nan)
    np.divide(right, counts, out=shares, where=counts > 0)
    return shares


def mean_class_accuracy(hits: NDArray[Any], labels: NDArray[np.integer]) -> float:
    """Return the mean over classes of their share of hits, over the classes that have samples.

    On a list that has every class this equals MMAction2's ``mean_class_accuracy``. That one also counts 0 for a class
    that has no sample but was predicted for one, so on part of a list it depends on how the model errs; this does not.

    Args:
        hits: ``(N,)`` what each sample counts: True, or a part of 1, where its highest score is its true class's.
        labels: ``(N,)`` true classes.
    """
    counts = np.bincount(labels)
    shares = np.divide(np.bincount(labels, weights=hits), counts, out=np.zeros(len(counts)), where=counts > 0)
    return float(shares.sum() / np.count_nonzero(counts))


class ClassRanks(TiedRanks, Protocol):
    """Outcomes of a classifier, as records keep them."""

    @property
    def groups(self) -> NDArray[np.uint64]:
        """Hash of each sample's group, ``(N,)``."""

    @property
    def labels(self) -> NDArray[np.uint16]:
        """True classes, ``(N,)``."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def reversed_ranks(self) -> NDArray[np.uint8] | None:
        """Rank of the class that the reversed clip shows, ``(N,)``, where it is known."""

    @property
    def reversed_tied(self) -> NDArray[np.uint8] | None:
        """Number of other classes that score as that class, ``(N,)``, where it is known."""

    @property
    def leaked(self) -> NDArray[np.bool_] | None:
        """Samples whose group was trained on too, ``(N,)``; None where none was."""


@dataclass(frozen=True, eq=False)
class Shares(Resampler):
    """Runs over the same samples that are scored by their share of hits."""

    counts: NDArray[np.floating]
    """``(G, 1)`` samples of each group."""
    sums: NDArray[np.floating]
    """``(G, runs)`` hits among them, in each run. Single precision is exact for whole numbers up to 2**24."""
    seeds: NDArray[np.intp] | int = 1
    """Runs whose hits are added up in each column."""

    def resampled(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
        """Return each run's share, and the number of samples."""
        drawn = weights.astype(self.sums.dtype)
        counts = drawn @ self.counts
        return (drawn @ self.sums).astype(np.float64) / np.maximum(counts, 1) / self.seeds, counts

    def means(self, seeds: NDArray[np.intp]) -> Resampler:
        """Return the means over seeds: hits are added up before they are drawn, which leaves fewer to add up."""
        return Shares(self.counts, sums_over_seeds(self.sums, seeds), seeds)


@METRICS.register_module("top1")
class Top1(SampleMetric[ClassRanks]):
    """Share of samples whose true class has the highest score."""

    title = "top-1"
    percent = True
    needs = "ranks"
    beside_score = True
    k = 1
    """A rank below this is a hit."""

    def hits(self, samples: ClassRanks) -> NDArray[Any]:
        """Return the count of each sample, ``(N,)``: a truth value, or a part of 1 where classes tie."""
        return hits(samples, self.k)

    def compute(self, samples: ClassRanks, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of hits in each resample."""
        return np.asarray(weights @ self.hits(samples) / weights.sum(axis=1))

    def value(self, samples: ClassRanks) -> float:
        """Return the share of hits of all samples."""
        right = self.hits(samples)
        return np.count_nonzero(right) / len(right) if right.dtype == bool else super().value(samples)

    def draws(self, samples: ClassRanks, resamples: int = RESAMPLES) -> NDArray[np.float64]:
        """Return the share in each resample of the groups, ``(resamples,)``."""
        return drawn_means(Hits(self.hits(samples), samples.groups), resamples=resamples)

    def resampler(self, runs: Sequence[ClassRanks]) -> Resampler:
        """Return the runs as sums over groups, which a resample adds up."""
        first = runs[0].groups
        groups, codes, counts = group_codes(first)
        right = [self.hits(run) for run in runs]
        sums = [
            np.bincount(
                codes if run.groups is first else _places(groups, run.groups), weights=counts_as, minlength=len(groups)
            )
            for run, counts_as in zip(runs, right, strict=True)
        ]
        whole = all(counts_as.dtype == bool for counts_as in right)
        kind: type[np.floating[Any]] = np.float32 if whole else np.float64
        return Shares(counts[:, None].astype(kind), np.stack(sums, axis=1).astype(kind))


@METRICS.register_module("top5")
class Top5(Top1):
    """Share of samples whose true class is among the five highest scores, of more than five classes."""

    title = "top-5"
    k = 5

    def is_defined(self, samples: ClassRanks) -> bool:
        """Return True for more than five classes."""
        return len(samples.classes) > self.k


@METRICS.register_module("mean_class")
class MeanClass(SampleMetric[ClassRanks]):
    """Mean over classes of their top-1 accuracy, over the classes that have samples."""

    title = "mean class"
    percent = True
    needs = "ranks"
    beside_score = True

    def compute(self, samples: ClassRanks, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean in each resample, over the classes that were drawn."""
        members = samples.labels[:, None] == np.arange(len(samples.classes))
        counts, right = weights @ members, weights @ (members * hits(samples)[:, None])
        return np.asarray((right / np.maximum(counts, 1)).sum(axis=1) / (counts > 0).sum(axis=1))

    def value(self, samples: ClassRanks) -> float:
        """Return the mean of all samples."""
        return mean_class_accuracy(hits(samples), samples.labels)

    def proportion(self, samples: ClassRanks) -> Hits:
        """Return the samples: a mean of proportions is treated as one."""
        return Hits(hits(samples), samples.groups)

    def draws(self, samples: ClassRanks, resamples: int = RESAMPLES) -> NDArray[np.float64]:
        """Return the mean in each resample of the groups, ``(resamples,)``, over the classes that were drawn."""
        return drawn_means(self.proportion(samples), samples.labels, resamples)


@METRICS.register_module("top1_reversed")
class Top1Reversed(Top1):
    """Top-1 against the class that the reversed clip shows, where that is known."""

    title = "top-1 reversed"
    beside_score = False
    of_controls = True

    def is_defined(self, samples: ClassRanks) -> bool:
        """Return True where reversed classes are known."""
        return samples.reversed_ranks is not None

    def hits(self, samples: ClassRanks) -> NDArray[Any]:
        """Return the count of each sample as one that was given the reversed clip's class, ``(N,)``."""
        assert samples.reversed_ranks is not None
        return counted(Places(samples.reversed_ranks, samples.reversed_tied), self.k)


@METRICS.register_module("top1_official")
class Top1Official(Top1):
    """Top-1 where the lowest class number wins a tie, as the official code has it; only where that differs."""

    title = "top-1, official ties"
    note = (
        "Top-1, official ties: as the official evaluation has it, where of classes with the same score the one "
        "with the lowest number wins. Elsewhere a tie of k classes counts 1/k."
    )

    def is_defined(self, samples: ClassRanks) -> bool:
        """Return True where ties are known and the two rules do not give the same hits."""
        return samples.tied is not None and not np.array_equal(official_hits(samples), hits(samples))

    def hits(self, samples: ClassRanks) -> NDArray[np.bool_]:
        """Return the samples that are right, ``(N,)``."""
        return official_hits(samples)


@METRICS.register_module("top1_unleaked")
class Top1Unleaked(SampleMetric[ClassRanks]):
    """Top-1 over the samples whose group was not trained on, where others' was."""

    title = "top-1 unleaked"
    percent = True
    needs = "ranks"
    beside_score = True
    note = (
        "Top-1 unleaked: over the test clips whose source has no clip in the training list; of the others a model may "
        "know the scene."
    )

    def is_defined(self, samples: ClassRanks) -> bool:
        """Return True where some, but not all groups were trained on."""
        return samples.leaked is not None and not samples.leaked.all()

    def compute(self, samples: ClassRanks, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of hits among the unleaked samples of each resample; 0 for none."""
        unleaked = weights * _unleaked(samples)
        return np.asarray(unleaked @ hits(samples) / np.maximum(unleaked.sum(axis=1), 1))

    def proportion(self, samples: ClassRanks) -> Hits:
        """Return the unleaked samples."""
        unleaked = _unleaked(samples)
        return Hits(hits(samples)[unleaked], samples.groups[unleaked])

    def draws(self, samples: ClassRanks, resamples: int = RESAMPLES) -> NDArray[np.float64]:
        """Return the share in each resample of the unleaked samples' groups, ``(resamples,)``."""
        return drawn_means(self.proportion(samples), resamples=resamples)


def _places(names: NDArray[Any], groups: NDArray[Any]) -> NDArray[np.intp]:
    """Return the place of each sample's group among sorted groups."""
    found = group_codes(groups)
    return found.codes if np.array_equal(found.names, names) else np.searchsorted(names, groups)


def drawn_means(
    hits: Hits, cells: NDArray[np.integer] | None = None, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Return the share of hits, or the mean over cells of theirs, in each resample of the groups, ``(resamples,)``."""
    one = np.zeros(len(hits.right), int)
    return resampled_means(*group_sums(hits.right, hits.groups, one if cells is None else cells), resamples)


def _unleaked(samples: ClassRanks) -> NDArray[np.bool_]:
    return np.ones(len(samples.groups), bool) if samples.leaked is None else ~samples.leaked
