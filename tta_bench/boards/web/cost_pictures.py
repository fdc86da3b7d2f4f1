"""Pictures of a board's measured rows against their cost: multiply-adds of a video, and hours of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tta_bench.boards.board import Board, Cell, Figure, Interval
from tta_bench.boards.rows import Entry
from tta_bench.boards.web.scatter import Point, scatter
from tta_bench.boards.web.tables import hours_of, links_of

_AXES = {"gmacs": "multiply-adds of a video, billions", "hours": "hours of a run, training and test"}
MOST = 40
"""Most rows of a picture: more names than this cannot be read."""


def cost_pictures(board: Board, entries: Mapping[str, Entry]) -> Iterator[tuple[str, str, str]]:
    """Yield name, description and SVG of each picture of a board that has two rows with a cost or more.

    Args:
        board: The board.
        entries: Its records by link.
    """
    table = next(board.ranked(), None)
    if table is None:
        return
    keys = [column.key for column in table.columns]
    rows = [dict(zip(keys, row, strict=True)) for row in table.rows[:MOST]]
    runs = [[entries[link.address] for link in links_of(row) if link.address in entries] for row in table.rows[:MOST]]
    for name, axis in _AXES.items():
        points = [
            point
            for row, listed in zip(rows, runs, strict=True)
            if (point := _point(row, _multiply_adds(listed) if name == "gmacs" else hours_of(listed))) is not None
        ]
        metric = _metric(rows)
        drawn = scatter(points, metric, axis) if metric else ""
        if drawn:
            yield name, f"Score against {axis}", drawn


def _point(row: Mapping[str, Cell], cost: float | None) -> Point | None:
    score, ends = row["score"], row["interval"]
    if cost is None or not isinstance(score, Figure) or score.value is None or not isinstance(ends, Interval):
        return None
    return Point(row["backbone"].words, cost, score.value, ends.low, ends.high)


def _metric(rows: Sequence[Mapping[str, Cell]]) -> str:
    return next((row["score"].metric for row in rows if isinstance(row["score"], Figure)), "")


def _multiply_adds(runs: Sequence[Entry]) -> float | None:
    """Return the billions of multiply-adds of a video, all its views together."""
    costs = [entry.record.cost for entry in runs]
    known = [cost.gmacs_per_view * cost.views for cost in costs if cost is not None and cost.gmacs_per_view is not None]
    return known[0] if known else None
