"""Differences between the figures of a record and those that its samples give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tta_bench.metrics import METRICS
from tta_bench.records.files import AnyOutcomes, AnyPredictions
from tta_bench.records.schema import Metric, Record
from tta_bench.records.score import score

TOLERANCE = 1e-12
"""Figures that differ by less are equal: adding up in another order moves the last digits."""
TOLERANCE_OF_ENDS = 1e-9
"""The same of the ends of intervals, which rest on quantiles that libraries compute each in its own way."""

Figures = Callable[[Record, AnyOutcomes, AnyPredictions | None], Iterator[str]]
"""Recomputation of a record's figures, which yields each difference in words."""


def plugin_of_score(record: Record) -> str:
    """Return the names of the plug-ins that a record was made with; the metric's name if it names none."""
    scored_with = record.resolved.get("plugins")  # of a scored file, which has no environment
    names = [plugin.name for plugin in record.environment.plugins] if record.environment else []
    names += (
        [str(plugin["name"]) for plugin in scored_with if isinstance(plugin, dict)]
        if isinstance(scored_with, list)
        else []
    )
    return ", ".join(names) or f"that registers {record.identity.protocol.score}"


def differences(record: Record, outcomes: AnyOutcomes, predictions: AnyPredictions | None = None) -> Iterator[str]:
    """Yield each figure of a record that its samples do not give, or that cannot be recomputed here."""
    distinct = len(np.unique(outcomes.keys))
    if distinct != record.n_expected:
        yield f"samples: {record.n_expected:,} were expected, {distinct:,} are there"
    name = record.identity.protocol.score
    metrics, per_class, undefined = score(outcomes, METRICS.of_samples(name), predictions, record.metrics)
    recorded = dict(record.metrics)
    if name not in METRICS:
        yield f"{name} not recomputed: needs plug-in {plugin_of_score(record)}"
        del recorded[name]
    elif name not in metrics and METRICS.get(name).needs == "scores":
        yield f"{name} not recomputed: needs the predictions, which are not there"
        del recorded[name]
    for key in sorted(metrics.keys() | recorded.keys()):
        for field in Metric.model_fields:
            before, now = (getattr(figures.get(key), field, None) for figures in (recorded, metrics))
            tolerance = TOLERANCE_OF_ENDS if field in ("low", "high") else TOLERANCE
            yield from _difference(f"{key}.{field}", before, now, tolerance)
    for key in sorted(per_class.keys() | record.per_class.keys()):
        yield from _difference(f"per_class.{key}", record.per_class.get(key), per_class.get(key))
    yield from _difference("undefined", record.undefined, undefined)


def differing_values(record: Record, outcomes: AnyOutcomes, predictions: AnyPredictions | None = None) -> Iterator[str]:
    """Yield each metric of which the record's value, whatever its interval, is not that of its samples."""
    samples: dict[str, Any] = {kept.serves: kept for kept in (predictions, outcomes) if kept is not None}
    for name, recorded in record.metrics.items():
        metric = METRICS.of_samples(name)
        if metric is not None and metric.needs in samples and metric.is_defined(samples[metric.needs]):
            yield from _difference(f"{name}.value", recorded.value, metric.value(samples[metric.needs]))


def _difference(figure: str, recorded: object, recomputed: object, tolerance: float = TOLERANCE) -> Iterator[str]:
    same = recorded == recomputed
    if isinstance(recorded, float) and isinstance(recomputed, float):
        same = abs(recorded - recomputed) <= tolerance
    if not same:
        yield f"{figure}: the record says {recorded}, its samples give {recomputed}"
