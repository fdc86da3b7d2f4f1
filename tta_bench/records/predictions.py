"""What a classifier said of every sample: all scores, or the few bytes that a board needs."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tta_bench.errors import UserError, shorten
from tta_bench.metrics.accuracy import true_class_rank

HIGHEST_RANK = 255
"""Ranks are kept in a byte; what is higher is kept as this."""


@dataclass(frozen=True)
class Predictions:
    """Every sample's scores, sorted by id."""

    ids: NDArray[np.str_]
    """``(N,)`` sample ids."""
    scores: NDArray[np.floating]
    """``(N, C)``, higher is better; float16 where no rank suffers, else float32."""
    labels: NDArray[np.int64]
    """``(N,)`` true classes."""
    groups: NDArray[np.str_]
    """``(N,)`` the source of each sample."""
    classes: tuple[str, ...]
    """Names of the ``C`` classes, in the order of the labels."""
    reversed_labels: NDArray[np.int64] | None = None
    """``(N,)`` the class that each sample shows when played backwards, for the control ``reversed``."""
    leaked: NDArray[np.bool_] | None = None
    """``(N,)`` whether a sample's group was trained on too, perhaps in another class; None where none was."""


@dataclass(frozen=True)
class Outcomes:
    """How well every sample was classified, without its name."""

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
    """``(N,)`` whether a sample's group was trained on too; None where none was."""


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

    What was trained on is asked for by its groups; a sample of one of these may have been recognised by its source.

    Raises:
        UserError: An id is there twice, a score is not a finite number, a label is no class, or the lengths differ.
    """
    _check(ids, scores, labels, groups, classes)
    order = np.argsort(np.array(ids), kind="stable")
    leaked = np.isin(np.array(groups)[order], list(trained_groups))
    targets = [np.asarray(what, np.int64)[order] for what in (labels, reversed_labels) if what is not None]
    return Predictions(
        np.array(ids)[order],
        _compact(scores[order].astype(np.float32), targets),
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
    found = [f"{len(names):,} {what}: {shorten(sorted(names))}" for what, names in wrong.items() if names]
    if found:
        raise UserError(f"a split is scored from all its {len(wanted):,} samples or not at all; " + "; ".join(found))


def outcomes_from_predictions(predictions: Predictions) -> Outcomes:
    """Return what a board needs of predictions."""
    reverse = predictions.reversed_labels
    return Outcomes(
        name_hashes(predictions.ids),
        name_hashes(predictions.groups),
        predictions.labels.astype(np.uint16),
        _byte_ranks(predictions.scores, predictions.labels),
        predictions.classes,
        None if reverse is None else _byte_ranks(predictions.scores, reverse),
        predictions.leaked,
    )


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
    for what, wrong in (
        ("a score that is not a finite number", ~np.isfinite(scores.astype(np.float32)).all(axis=1)),
        ("a label that is no class", (np.asarray(labels) < 0) | (np.asarray(labels) >= len(classes))),
    ):
        if wrong.any():
            names = [str(name) for name in np.array(ids)[wrong]]
            raise UserError(f"{len(names):,} samples have {what}: {shorten(names)}.")


def _compact(scores: NDArray[np.float32], targets: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
    """Return scores in half precision if the rank of no target changes."""
    with np.errstate(over="ignore"):
        half = scores.astype(np.float16)
    same = all(np.array_equal(true_class_rank(half, target), true_class_rank(scores, target)) for target in targets)
    return half if same and np.isfinite(half).all() else scores


def _byte_ranks(scores: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.minimum(true_class_rank(scores, labels), HIGHEST_RANK).astype(np.uint8)
