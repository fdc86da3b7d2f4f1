"""Results of a classifier, sample by sample: predictions (all scores) and outcomes (a few bytes, for boards)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tta_bench.errors import UserError, shorten
from tta_bench.metrics.accuracy import per_class_accuracy, true_class_rank
from tta_bench.metrics.base import Needs

HIGHEST_RANK = 255
"""Ranks are kept in a byte; what is higher is kept as this."""


@dataclass(frozen=True)
class Predictions:
    """Every sample's scores, sorted by id."""

    serves: ClassVar[Needs] = "scores"
    """Metrics that can be computed from them."""
    ids: NDArray[np.str_]
    """``(N,)`` sample ids."""
    scores: NDArray[np.floating]
    """``(N, C)``, higher is better; float16 where no rank suffers, else float32, else float64."""
    labels: NDArray[np.int64]
    """``(N,)`` true classes."""
    groups: NDArray[np.str_]
    """``(N,)`` the source of each sample."""
    classes: tuple[str, ...]
    """Names of the ``C`` classes, in the order of the labels."""
    reversed_labels: NDArray[np.int64] | None = None
    """``(N,)`` the class that each sample shows when played backwards, for the control ``reversed``."""
    leaked: NDArray[np.bool_] | None = None
    """``(N,)`` True where a sample's group was trained on too, perhaps in another class; None where none was."""

    def with_truth(self, _: object) -> Predictions:
        """Return the predictions, which have their labels."""
        return self

    def outcomes(self) -> Outcomes:
        """Return the outcomes: ranks in place of scores, hashes in place of names."""
        reverse = self.reversed_labels
        return Outcomes(
            name_hashes(self.ids),
            name_hashes(self.groups),
            self.labels.astype(np.uint16),
            _byte_ranks(self.scores, self.labels),
            self.classes,
            None if reverse is None else _byte_ranks(self.scores, reverse),
            self.leaked,
        )


@dataclass(frozen=True)
class Outcomes:
    """Rank of every sample's true class, under hashes of the samples' names."""

    serves: ClassVar[Needs] = "ranks"
    """Metrics that can be computed from them."""
    resampled: ClassVar[Literal["groups"]] = "groups"
    """Unit of resampling, as records name it."""
    keys: NDArray[np.uint64]
    """``(N,)`` hash of each id."""
    groups: NDArray[np.uint64]
    """``(N,)`` hash of each group."""
    labels: NDArray[np.uint16]
    """``(N,)`` true classes."""
    ranks: NDArray[np.uint8]
    """``(N,)`` rank of the true class, 0 being a hit."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of the labels."""
    reversed_ranks: NDArray[np.uint8] | None = None
    """``(N,)`` rank of the class that the reversed clip shows."""
    leaked: NDArray[np.bool_] | None = None
    """``(N,)`` True where a sample's group was trained on too; None where none was."""

    def same_truth(self, other: object) -> bool:
        """Return True for other outcomes of a classifier: class numbers may differ from file to file."""
        return isinstance(other, Outcomes)

    def per_class(self) -> tuple[dict[str, float], None]:
        """Return the accuracy on each class that has samples; None stands for the names of undefined figures."""
        shares = per_class_accuracy(self.ranks == 0, self.labels, len(self.classes))
        named = zip(self.classes, shares.tolist(), strict=True)
        return {name: share for name, share in named if not np.isnan(share)}, None


def collect(
    ids: Sequence[str],
    scores: NDArray[np.floating],
    labels: Sequence[int] | NDArray[np.integer],
    groups: Sequence[str],
    classes: Sequence[str],
    reversed_labels: Sequence[int] | NDArray[np.integer] | None = None,
    trained_groups: Collection[str] = (),
) -> Predictions:
    """Return predictions in their stored form: sorted by id, scores in half precision unless that changes a rank.

    ``trained_groups`` are the groups of the training list: a test sample of one may have been recognised by its source.

    Raises:
        UserError: An id is repeated, a score is not a finite number, a label is no class, or the lengths differ.
    """
    _check(ids, scores, labels, groups, classes)
    order = np.argsort(np.array(ids), kind="stable")
    leaked = np.isin(np.array(groups)[order], list(trained_groups))
    targets = [np.asarray(given, np.int64)[order] for given in (labels, reversed_labels) if given is not None]
    return Predictions(
        np.array(ids)[order],
        _compact(scores[order], targets),
        targets[0],
        np.array(groups)[order],
        tuple(classes),
        targets[1] if len(targets) > 1 else None,
        leaked if leaked.any() else None,
    )


def check_complete(ids: Iterable[str], expected: Iterable[str]) -> None:
    """Check that every expected sample is there exactly once and no other.

    Raises:
        UserError: Counts and names the missing, the repeated and the unexpected ids.
    """
    counts, wanted = Counter(ids), set(expected)
    wrong = {
        "missing": wanted - counts.keys(),
        "repeated": {name for name, count in counts.items() if count > 1},
        "not of this split": counts.keys() - wanted,
    }
    problems = [f"{len(names):,} {problem}: {shorten(sorted(names))}" for problem, names in wrong.items() if names]
    if problems:
        raise UserError(f"a split is scored from all its {len(wanted):,} samples or not at all; " + "; ".join(problems))


def name_hashes(names: Iterable[str]) -> NDArray[np.uint64]:
    """Return 64 bits of each name's blake2b."""
    digests = b"".join(hashlib.blake2b(str(name).encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _check(ids: Sequence[str], scores: Any, labels: Any, groups: Sequence[str], classes: Sequence[str]) -> None:
    if not len(ids):
        raise UserError("there are no samples to score.")
    if scores.ndim != 2 or scores.shape != (len(ids), len(classes)) or not len(ids) == len(labels) == len(groups):
        raise UserError(
            f"scores of shape {scores.shape} do not fit {len(ids):,} ids, {len(labels):,} labels, "
            f"{len(groups):,} groups and {len(classes):,} classes."
        )
    check_complete(ids, ids)
    for problem, wrong in (
        ("a score that is not a finite number", ~np.isfinite(scores).all(axis=1)),
        ("a label that is no class", (np.asarray(labels) < 0) | (np.asarray(labels) >= len(classes))),
    ):
        if wrong.any():
            names = [str(name) for name in np.array(ids)[wrong]]
            raise UserError(f"{len(names):,} samples have {problem}: {shorten(names)}.")


def _compact(scores: NDArray[np.floating], targets: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
    """Return scores in the lowest precision, half or single, in which the rank of no target changes; else as given."""
    ranks = [true_class_rank(scores, target) for target in targets]
    for kind in (np.float16, np.float32):
        with np.errstate(over="ignore"):
            small: NDArray[np.floating] = scores.astype(kind)
        same = all(
            np.array_equal(true_class_rank(small, target), rank) for target, rank in zip(targets, ranks, strict=True)
        )
        if same and np.isfinite(small).all():
            return small
    return scores


def _byte_ranks(scores: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.minimum(true_class_rank(scores, labels), HIGHEST_RANK).astype(np.uint8)
