"""Checking a record against the files it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from tta_bench.errors import UserError
from tta_bench.records.files import AnyOutcomes, outcomes_of, read_outcomes, read_predictions
from tta_bench.records.intensities import Intensities, Truth, collect_intensities, outcomes_from_intensities
from tta_bench.records.schema import FileRef, Metric, Record
from tta_bench.records.score import score
from tta_bench.records.status import is_ranked
from tta_bench.utils.files import sha256_of

TOLERANCE = 1e-9
"""Figures that differ by less are the same: adding up in another order moves the last digits."""


_NOTHING = "neither predictions nor outcomes can be read: nothing was recomputed"


class Verdict(NamedTuple):
    """What came of checking a record."""

    source: Literal["predictions", "outcomes", "nothing"]
    """What its figures were recomputed from."""
    problems: list[str]
    """Every difference, in words; none if the record is true to its files."""


def verify_record(record: Record, folder: Path, elsewhere: Path | None = None, truth: Truth | None = None) -> Verdict:
    """Recompute every figure of a record and list what differs.

    Predictions are used where they are to be had, else outcomes. Where both are, one must follow from the other. A
    record whose labels may not be published is recomputed with them, or not at all, which is no problem of its own.

    Args:
        record: A record; one that is no success has nothing to recompute, nor has a pre-training's.
        folder: The folder of its predictions and outcomes.
        elsewhere: Folder of predictions that are too large to lie beside their records.
        truth: Labels of its split, where it has none itself.
    """
    if record.status != "success" or not is_ranked(record):
        return Verdict("nothing", [])
    problems: list[str] = []
    predicted = stored = None
    for ref, what in ((record.predictions, "predictions"), (record.outcomes, "outcomes")):
        if ref is None:
            continue
        place = elsewhere if elsewhere and not (folder / ref.name).exists() else folder
        problem = file_problem(ref, place)
        if problem:
            problems.append(f"{what}: {problem}")
        if problem or not (place / ref.name).exists():
            continue
        try:
            if what == "predictions":
                predicted = outcomes_with_labels(place / ref.name, truth)
            else:
                stored = read_outcomes(place / ref.name)
        except UserError as error:
            problems.append(error.message)
    outcomes = predicted or stored
    if outcomes is None:
        without = [] if record.verifiable_with and not truth else [_NOTHING]
        return Verdict("nothing", [*problems, *without])
    if predicted and stored and not _equal(predicted, stored):
        problems.append("outcomes: they do not follow from the predictions")
    return Verdict("predictions" if predicted else "outcomes", [*problems, *differences(record, outcomes)])


def outcomes_with_labels(path: Path, truth: Truth | None) -> AnyOutcomes | None:
    """Return what a file of predictions gives; None if it is without labels and these are not at hand either.

    Raises:
        UserError: The file is none, or the labels are of other samples or emotions.
    """
    predictions = read_predictions(path)
    if not isinstance(predictions, Intensities) or predictions.targets is not None:
        return outcomes_of(predictions)
    if truth is None:
        return None
    if predictions.emotions != truth.emotions:
        raise UserError(f"the labels are of {', '.join(truth.emotions)}, and it has {', '.join(predictions.emotions)}")
    return outcomes_from_intensities(collect_intensities(predictions.ids.tolist(), predictions.outputs, truth))


def file_problem(ref: FileRef | None, folder: Path) -> str | None:
    """Return what is wrong with a file that a record names; a file that is elsewhere is no problem here."""
    if ref is None or not (folder / ref.name).exists():
        return None
    if sha256_of(folder / ref.name) == ref.sha256:
        return None
    return f"{ref.name} is not the file that was recorded: its sha256 differs"


def differences(record: Record, outcomes: AnyOutcomes) -> Iterator[str]:
    """Yield each figure of a record that its outcomes do not give."""
    distinct = len(np.unique(outcomes.keys))
    if distinct != record.n_expected:
        yield f"samples: {record.n_expected:,} were expected, {distinct:,} are there"
    metrics, per_class, undefined = score(outcomes)
    for name in sorted(metrics.keys() | record.metrics.keys()):
        for field in Metric.model_fields:
            said, found = (getattr(where.get(name), field, None) for where in (record.metrics, metrics))
            yield from _difference(f"{name}.{field}", said, found)
    for name in sorted(per_class.keys() | record.per_class.keys()):
        yield from _difference(f"per_class.{name}", record.per_class.get(name), per_class.get(name))
    yield from _difference("undefined", record.undefined, undefined)


def _difference(what: str, said: object, found: object) -> Iterator[str]:
    same = said == found
    if isinstance(said, float) and isinstance(found, float):
        same = abs(said - found) <= TOLERANCE
    if not same:
        yield f"{what}: the record says {said}, its samples give {found}"


def _equal(a: AnyOutcomes, b: AnyOutcomes) -> bool:
    def fields_equal(name: str) -> bool:
        left, right = getattr(a, name), getattr(b, name)
        return (left is None) == (right is None) and np.array_equal(left, right)

    return type(a) is type(b) and all(fields_equal(name) for name in a.__dataclass_fields__)
