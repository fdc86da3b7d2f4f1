"""Doubles among records: two records of one run, and the same predictions under two names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tta_bench.records.files import AnyOutcomes, AnyPredictions
from tta_bench.records.intensities import IntensityOutcomes
from tta_bench.records.predictions import Outcomes, Predictions
from tta_bench.records.schema import Record

DIGITS = 3
"""Decimals of scores that are compared, so that a last digit that was changed hides nothing."""


class Seen(NamedTuple):
    """A record among others."""

    name: str
    """Name of its file."""
    record: Record
    """The record."""
    samples: str | None
    """`samples_digest` of its files; None where they tell models too little apart."""


def samples_digest(predictions: AnyPredictions | None, outcomes: AnyOutcomes | None) -> str | None:
    """Return a digest of what a model said of each sample, to three decimals; None where there is too little.

    Outcomes of a classifier that has every sample right say too little: another one's may be the same.
    """
    if predictions is not None:
        given = predictions.scores if isinstance(predictions, Predictions) else predictions.outputs
        keys: bytes = "\n".join(predictions.ids.tolist()).encode()
        values = np.round(given.astype(np.float64), DIGITS) + 0.0  # no negative zero
    elif isinstance(outcomes, Outcomes) and outcomes.ranks.any():
        keys, values = outcomes.keys.tobytes(), outcomes.ranks.astype(np.float64)
    elif isinstance(outcomes, IntensityOutcomes):
        keys, values = outcomes.keys.tobytes(), np.round(outcomes.outputs.astype(np.float64), DIGITS) + 0.0
    else:
        return None
    kind = "scores" if predictions is not None else "outcomes"
    return hashlib.sha256(kind.encode() + keys + values.tobytes()).hexdigest()


def find_doubles(seen: Sequence[Seen]) -> Iterator[str]:
    """Yield each pair of records that are one, in words.

    The same experiment run again by another party gives the same predictions and stands beside the first: it has
    another time. A control of one model may give that model's predictions: an average over frames has no order.
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
                elif not _is_control_of(a, b):
                    yield f"{earlier.name} and {later.name} are the same predictions under two names"
            elif a.identity.run_key == b.identity.run_key and _named(a) != _named(b):
                yield f"{earlier.name} and {later.name} are of different experiments, and have one run key"


def _same_samples(a: Seen, b: Seen) -> bool:
    recorded = [ref.sha256 for ref in (a.record.predictions, a.record.outcomes) if ref is not None]
    other = [ref.sha256 for ref in (b.record.predictions, b.record.outcomes) if ref is not None]
    shared = bool(a.record.predictions and b.record.predictions and recorded[0] == other[0])
    return shared or (a.samples is not None and a.samples == b.samples)


def _is_control_of(a: Record, b: Record) -> bool:
    """Return True if two records differ in the control, and are of one model otherwise."""
    same = a.identity.backbone == b.identity.backbone and a.identity.seed == b.identity.seed
    return same and a.identity.control != b.identity.control


def _named(record: Record) -> tuple[object, ...]:
    identity = record.identity
    return identity.protocol.name, identity.backbone, identity.dataset.name, identity.split, identity.seed
