"""Speed and energy of a run, as its phases tell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tta_bench.experiments.effort import BACKWARD
from tta_bench.records.schema import Phase, Record


def gmacs_per_second(record: Record, phase: Phase) -> float | None:
    """Return the backbone's multiply-adds a second in units of 10^9, waiting for data included.

    A training step counts for three forward passes. None where the backbone's size is not known, and where other work
    takes the time: masked pre-training, and frozen backbones' encoding and heads.

    Args:
        record: A record.
        phase: One of its phases.
    """
    cost, train = record.cost, record.resolved.get("train")
    if cost is None or cost.gmacs_per_view is None:
        return None
    if phase.name == "test":
        return cost.gmacs_per_view * cost.views * phase.throughput
    if phase.name != "train" or cost.trained is not None or not isinstance(train, Mapping):
        return None
    views = train.get("views", 1)
    return BACKWARD * cost.gmacs_per_view * views * phase.throughput if isinstance(views, int) else None


def watt_hours(records: Iterable[Record]) -> float | None:
    """Return the mean energy of some runs, all their phases together; None where a phase does not tell.

    Args:
        records: The runs' records.
    """
    runs = []
    for record in records:
        told = [phase.joules for phase in record.phases if phase.joules is not None]
        if not told or len(told) < len(record.phases):
            return None
        runs.append(sum(told) / 3600)
    return sum(runs) / len(runs) if runs else None
