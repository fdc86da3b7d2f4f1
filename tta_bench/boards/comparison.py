"""Two records side by side, on the samples that they share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tta_bench.errors import UserError
from tta_bench.metrics import METRICS, SampleMetric
from tta_bench.metrics.paired import Difference, discordant, mcnemar_exact
from tta_bench.records.differences import plugin_of_score
from tta_bench.records.files import AnyOutcomes, AnyPredictions
from tta_bench.records.intensities import Truth
from tta_bench.records.schema import Record
from tta_bench.records.store import read_record
from tta_bench.records.verify import read_kept


class Discordant(NamedTuple):
    """Samples that one of two classifiers gets right."""

    only_a: int
    """Those that only the first gets right."""
    only_b: int
    """Those that only the second gets right."""
    mcnemar: float
    """Exact p-value of McNemar's test."""


class Comparison(NamedTuple):
    """Scores of two models on the same samples."""

    metric: str
    """The metric that the first record's protocol ranks by."""
    a: float
    """Score of the first."""
    b: float
    """Score of the second."""
    difference: Difference
    """First minus second, with interval and p from a paired bootstrap over groups."""
    discordant: Discordant | None
    """None for a metric without right and wrong."""


class _Side(NamedTuple):
    """One record's samples, sorted by key."""

    outcomes: AnyOutcomes
    samples: Any
    """The predictions or outcomes that the metric is computed from."""


def compare(a: Path, b: Path, truth: Truth | None = None) -> Comparison:
    """Return the comparison of two records' files, by the metric of the first one's protocol.

    Args:
        a: The first.
        b: The second.
        truth: Labels of their split, where they have none themselves.

    Raises:
        UserError: One lacks the files that the metric is computed from, or they are not of the same samples.
    """
    metric = _metric(read_record(a))
    first, second = (_side(path, metric, truth) for path in (a, b))
    keys, others = first.outcomes.keys, second.outcomes.keys
    shared = np.intersect1d(keys, others)
    if len(shared) != len(keys) or len(shared) != len(others):
        raise UserError(
            f"{a.name} has {len(keys):,} samples and {b.name} {len(others):,}, of which they share "
            f"{len(shared):,}: only records of the same data and split can be compared."
        )
    if not first.outcomes.same_truth(second.outcomes):
        raise UserError(f"{a.name} and {b.name} were not scored against the same labels.")
    return Comparison(
        metric.name,
        metric.value(first.samples),
        metric.value(second.samples),
        metric.difference(first.samples, second.samples),
        _discordant(metric, first, second),
    )


def _metric(record: Record) -> SampleMetric[Any]:
    """Return the metric that a record's protocol ranks by."""
    name = record.identity.protocol.score
    metric = METRICS.of_samples(name)
    if metric is None:
        hint = f"It needs plug-in {plugin_of_score(record)}: say --plugin FILE." if name not in METRICS else ""
        raise UserError(f"{name} is not computed from samples here, so nothing can be compared.", hint)
    return metric


def _discordant(metric: SampleMetric[Any], first: _Side, second: _Side) -> Discordant | None:
    a, b = (metric.hits(side.samples) for side in (first, second))
    return None if a is None or b is None else Discordant(*discordant(a, b), mcnemar_exact(a, b))


def _side(path: Path, metric: SampleMetric[Any], truth: Truth | None) -> _Side:
    """Return a record's samples in the order of their keys."""
    record = read_record(path)
    predictions, stored, problems = read_kept(record, path.parent, truth=truth)
    if problems:
        raise UserError(f"{path}: {problems[0]}.")
    outcomes = stored if predictions is None else predictions.outcomes()
    if outcomes is None and record.verifiable_with:
        raise UserError(f"{path} holds no labels, which may not be published.", f"Say {record.verifiable_with}=...")
    if outcomes is None:
        raise UserError(f"{path} has no outcomes beside it: status '{record.status}'.")
    order = np.argsort(outcomes.keys)
    samples = next((kept for kept in (outcomes, predictions) if kept and kept.serves == metric.needs), None)
    if samples is None:
        raise UserError(f"{path} and {metric.name} do not go together: it is computed from {metric.needs}.")
    return _Side(_sorted(outcomes, order), _sorted(samples, order))


def _sorted(samples: AnyOutcomes | AnyPredictions, order: np.ndarray[Any, Any]) -> Any:
    """Return samples in another order; predictions are sorted by id, in which order their outcomes were made."""
    arrays: dict[str, Any] = {
        name: value[order] for name, value in vars(samples).items() if isinstance(value, np.ndarray)
    }
    return replace(samples, **arrays)
