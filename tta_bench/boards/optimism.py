"""Optimism of a row: what choosing its training settings on the test list would have added. It ranks nothing."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from tta_bench.boards.board import Number
from tta_bench.boards.rows import Row
from tta_bench.metrics import METRICS
from tta_bench.records.selection import Selection

MARK = "‖"
OPTIMISM = (
    "Optimism: how much higher the score would be with the point of the grid that is best on the test list, the mean "
    "over runs. It is not skill, and ranks nothing: these settings were chosen on groups of the training list."
)
EDGE = f"{MARK} A chosen setting is the least or largest of its grid: a wider grid might do better."


def selections(row: Row) -> Iterator[Selection]:
    """Yield the selections of a row's runs."""
    yield from (entry.record.selection for entry in row.entries if entry.record.selection is not None)


def has_selection(row: Row) -> bool:
    """Return True if a run of a row chose its settings."""
    return any(True for _ in selections(row))


def at_edge(row: Row) -> bool:
    """Return True if a run of a row chose a setting at the edge of its grid."""
    return any(selection.at_edge for selection in selections(row))


def optimism(row: Row, metric: str) -> Number:
    """Return the mean optimism of a row's runs, in the metric's unit, with a mark for a choice at the grid's edge."""
    found = [selection.optimism for selection in selections(row)]
    if not found:
        return Number(None)
    value = fmean(found)
    return Number(value, METRICS.describe(metric).text(value) + (f" {MARK}" if at_edge(row) else ""))
