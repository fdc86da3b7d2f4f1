"""Two records side by side, on the samples that they share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tta_bench.errors import UserError
from tta_bench.metrics.paired import Difference, discordant, mcnemar_exact, paired_group_bootstrap
from tta_bench.metrics.pearson import mean_pearson, paired_pearson_bootstrap, pearson
from tta_bench.records.files import AnyOutcomes, read_outcomes
from tta_bench.records.intensities import IntensityOutcomes, Truth
from tta_bench.records.predictions import Outcomes
from tta_bench.records.schema import Record
from tta_bench.records.store import read_record
from tta_bench.records.verify import file_problem, outcomes_with_labels


class Discordant(NamedTuple):
    """Samples that one of two classifiers gets right."""

    only_a: int
    """Those that only the first gets right."""
    only_b: int
    """Those that only the second gets right."""
    mcnemar: float
    """Exact p-value of McNemar's test."""


class Comparison(NamedTuple):
    """What two models do on the same samples."""

    metric: str
    """What is compared: ``top1`` or ``pearson``."""
    a: float
    """That of the first."""
    b: float
    """That of the second."""
    difference: Difference
    """First minus second, with interval and p from a paired bootstrap over groups."""
    discordant: Discordant | None
    """None for intensities, which are neither right nor wrong."""


def compare(a: Path, b: Path, truth: Truth | None = None) -> Comparison:
    """Return the comparison of two records' files.

    Args:
        a: The first.
        b: The second.
        truth: Labels of their split, where they have none themselves.

    Raises:
        UserError: One has no outcomes, or they are not of the same samples.
    """
    first, second = (_sorted_outcomes(path, truth) for path in (a, b))
    shared = np.intersect1d(first.keys, second.keys)
    if len(shared) != len(first.keys) or len(shared) != len(second.keys):
        raise UserError(
            f"{a.name} has {len(first.keys):,} samples and {b.name} {len(second.keys):,}, of which they share "
            f"{len(shared):,}: only records of the same data and split can be compared."
        )
    if isinstance(first, Outcomes) and isinstance(second, Outcomes):
        return _classes(first, second)
    if isinstance(first, IntensityOutcomes) and isinstance(second, IntensityOutcomes) and _same_truth(first, second):
        return _intensities(first, second)
    raise UserError(f"{a.name} and {b.name} were not scored against the same labels.")


def _classes(first: Outcomes, second: Outcomes) -> Comparison:
    a, b = first.ranks == 0, second.ranks == 0
    difference = paired_group_bootstrap(a, b, first.groups)
    found = Discordant(*discordant(a, b), mcnemar_exact(a, b))
    return Comparison("top1", float(a.mean()), float(b.mean()), difference, found)


def _same_truth(first: IntensityOutcomes, second: IntensityOutcomes) -> bool:
    return first.emotions == second.emotions and np.array_equal(first.targets, second.targets)


def _intensities(first: IntensityOutcomes, second: IntensityOutcomes) -> Comparison:
    a, b = (mean_pearson(pearson(side.outputs, side.targets)) for side in (first, second))
    difference = paired_pearson_bootstrap(first.outputs, second.outputs, first.targets, first.groups)
    return Comparison("pearson", a, b, difference, None)


def _sorted_outcomes(path: Path, truth: Truth | None) -> AnyOutcomes:
    """Return a record's outcomes in the order of their keys."""
    record = read_record(path)
    found = _with_labels(path, record, truth) if record.verifiable_with else _outcomes(path, record)
    order = np.argsort(found.keys)
    arrays: dict[str, Any] = {n: value[order] for n, value in vars(found).items() if isinstance(value, np.ndarray)}
    return replace(found, **arrays)


def _outcomes(path: Path, record: Record) -> AnyOutcomes:
    if record.outcomes is None or not (path.parent / record.outcomes.name).is_file():
        raise UserError(f"{path} has no outcomes beside it: status '{record.status}'.")
    if problem := file_problem(record.outcomes, path.parent):
        raise UserError(f"{path}: {problem}.")
    return read_outcomes(path.parent / record.outcomes.name)


def _with_labels(path: Path, record: Record, truth: Truth | None) -> AnyOutcomes:
    """Return the outcomes of a record whose labels may not be published."""
    if problem := file_problem(record.predictions, path.parent):
        raise UserError(f"{path}: {problem}.")
    found = outcomes_with_labels(path.parent / record.predictions.name, truth) if record.predictions else None
    if found is None:
        raise UserError(f"{path} holds no labels, which may not be published.", f"Say {record.verifiable_with}=...")
    return found
