"""Doubles among records: two records of one run, and the same predictions under two names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.records.files import AnyOutcomes, AnyPredictions
from tta_bench.records.intensities import IntensityOutcomes
from tta_bench.records.predictions import Outcomes, Predictions, name_hashes
from tta_bench.records.schema import Record

DIGITS = 3
"""Decimals of scores that are compared, so that a last digit that was changed hides nothing."""


class Seen(NamedTuple):
    """A record among others."""

    name: str
    """Name of its file."""
    record: Record
    """The record."""
    samples: frozenset[str]
    """`samples_digests` of its files; empty where they tell models too little apart."""


def samples_digests(predictions: AnyPredictions | None, outcomes: AnyOutcomes | None) -> frozenset[str]:
    """Return digests of what a model said of each sample: its scores to three decimals, and the true class's ranks.

    Ranks of a classifier that has every sample right say too little: another one's may be the same.
    """
    digests = set()
    if predictions is not None:
        given = predictions.scores if isinstance(predictions, Predictions) else predictions.outputs
        digests.add(_digest("scores", name_hashes(predictions.ids), given))
        has_labels = isinstance(predictions, Predictions)
        outcomes = outcomes or (predictions.outcomes() if has_labels else None)
    if isinstance(outcomes, Outcomes) and outcomes.ranks.any():
        digests.add(_digest("ranks", outcomes.keys, outcomes.ranks[:, None]))
    elif isinstance(outcomes, IntensityOutcomes):
        digests.add(_digest("scores", outcomes.keys, outcomes.outputs))
    return frozenset(digests)


def _digest(kind: str, keys: NDArray[np.uint64], values: NDArray[Any]) -> str:
    """Return the digest of values to some decimals, whatever the order of their samples."""
    order = np.argsort(keys)
    rounded = np.round(values[order].astype(np.float64), DIGITS) + 0.0  # no negative zero
    return hashlib.sha256(kind.encode() + keys[order].tobytes() + rounded.tobytes()).hexdigest()


def find_doubles(seen: Sequence[Seen]) -> Iterator[str]:
    """Yield each pair of records that are one, in words.

    The same experiment run again by another party gives the same predictions and stands beside the first: it has
    another time. So does one that was measured again under later numerics or a changed card, which has another run key.
    A control of one model may give that model's predictions: an average over frames has no order.
    """
    for place, later in enumerate(seen):
        for earlier in seen[:place]:
            a, b = earlier.record, later.record
            if a.content_sha256 == b.content_sha256:
                continue  # one's own record and its official copy
            if _same_samples(earlier, later):
                if a.identity.run_key == b.identity.run_key:
                    if (a.created, a.finished, a.phases) == (b.created, b.finished, b.phases):
                        yield f"{earlier.name} and {later.name} are two records of one run, of {a.created}"
                elif not (_is_control_of(a, b) or _is_measured_again(a, b)):
                    yield f"{earlier.name} and {later.name} are the same predictions under two names"
            elif a.identity.run_key == b.identity.run_key and _named(a) != _named(b):
                yield f"{earlier.name} and {later.name} are of different experiments, and have one run key"


def _same_samples(a: Seen, b: Seen) -> bool:
    recorded = [ref.sha256 for ref in (a.record.predictions, a.record.outcomes) if ref is not None]
    other = [ref.sha256 for ref in (b.record.predictions, b.record.outcomes) if ref is not None]
    shared = bool(a.record.predictions and b.record.predictions and recorded[0] == other[0])
    return shared or bool(a.samples & b.samples)


def _is_control_of(a: Record, b: Record) -> bool:
    """Return True if two records differ in the control, and are of one model otherwise."""
    same = a.identity.backbone == b.identity.backbone and a.identity.seed == b.identity.seed
    return same and a.identity.control != b.identity.control


def _is_measured_again(a: Record, b: Record) -> bool:
    """Return True if two records are of one experiment, under other numerics of the suite or another card."""
    made_by = [(one.identity.protocol.sha256, one.environment and one.environment.numerics) for one in (a, b)]
    same = [one.identity.model_copy(update={"run_key": "", "protocol": a.identity.protocol}) for one in (a, b)]
    return same[0] == same[1] and a.identity.protocol.name == b.identity.protocol.name and made_by[0] != made_by[1]


def _named(record: Record) -> tuple[object, ...]:
    identity = record.identity
    return identity.protocol.name, identity.backbone, identity.dataset.name, identity.split, identity.seed
