"""Results of a classifier, sample by sample: predictions (all scores) and outcomes (a few bytes, for boards)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tta_bench.errors import UserError, shorten
from tta_bench.metrics.accuracy import per_class_accuracy
from tta_bench.metrics.base import Needs
from tta_bench.metrics.ties import hits, places

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
    """``(N, C)``, higher is better; float16 where no rank and no tie suffers, else float32, else float64."""
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
        ranks, tied, below = _bytes(places(self.scores, self.labels))
        reverse = self.reversed_labels
        turned = (None, None, None) if reverse is None else _bytes(places(self.scores, reverse))
        return Outcomes(
            name_hashes(self.ids),
            name_hashes(self.groups),
            self.labels.astype(np.uint16),
            ranks,
            self.classes,
            turned[0],
            self.leaked,
            tied,
            below if below.any() else None,
            turned[1],
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
    tied: NDArray[np.uint8] | None = None
    """``(N,)`` number of other classes that score as the true one; None in files of before, where a tie is a miss."""
    tied_below: NDArray[np.uint8] | None = None
    """``(N,)`` number of those with a lower number than the true class; None where there are none."""
    reversed_tied: NDArray[np.uint8] | None = None
    """``(N,)`` number of other classes that score as the class that the reversed clip shows."""

    def without_ties(self) -> Outcomes:
        """Return the outcomes as they were kept before ties were: a tie is a miss."""
        return replace(self, tied=None, tied_below=None, reversed_tied=None)

    def same_truth(self, other: object) -> bool:
        """Return True for other outcomes of a classifier: class numbers may differ from file to file."""
        return isinstance(other, Outcomes)

    def per_class(self) -> tuple[dict[str, float], None]:
        """Return the accuracy on each class that has samples; None stands for the names of undefined figures."""
        shares = per_class_accuracy(hits(self), self.labels, len(self.classes))
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
    """Return scores in the lowest precision, half or single, that changes no target's rank or ties; else as given."""
    found = [places(scores, target) for target in targets]
    for kind in (np.float16, np.float32):
        with np.errstate(over="ignore"):
            small: NDArray[np.floating] = scores.astype(kind)
        same = all(np.array_equal(places(small, target), before) for target, before in zip(targets, found, strict=True))
        if same and np.isfinite(small).all():
            return small
    return scores


def _bytes(found: tuple[NDArray[np.int64], ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return rank and ties in a byte each, and those of lower numbers; more than 255 are kept as that many."""
    ranks, tied, below = found
    above = np.minimum(ranks - tied, HIGHEST_RANK)
    kept = np.minimum(tied, HIGHEST_RANK - above)
    return (above + kept).astype(np.uint8), kept.astype(np.uint8), np.minimum(below, kept).astype(np.uint8)
