"""Scores against cost as a picture, SVG: the same rows give the same bytes, on any machine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tta_bench.boards import escape
from tta_bench.boards.forest import STYLE, ticks
from tta_bench.boards.web.labels import Box, leader, places
from tta_bench.metrics import METRICS

WIDTH, HEIGHT = 480, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 460, 24, 270
"""Edges of the plane in pixels."""
_LABEL = 18
"""Most characters of a name."""


class Point(NamedTuple):
    """A row: its cost, its score and its interval."""

    name: str
    cost: float
    score: float
    low: float | None
    high: float | None


def scatter(points: Sequence[Point], metric: str, axis: str) -> str:
    """Return the picture of scores against a cost on a logarithmic axis; nothing for fewer than two points.

    Args:
        points: The rows; those without a cost above 0 are left out.
        metric: Metric of the scores.
        axis: Name of the cost, with its unit.
    """
    shown = sorted((point for point in points if point.cost > 0), key=lambda point: (point.cost, point.name))
    if len(shown) < 2:
        return ""
    heading = METRICS.describe(metric).heading
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">'
        f"<title>{escape.html(heading)} against {escape.html(axis)}</title><style>{STYLE}</style>"
    )
    return "\n".join([head, *_plane(shown, metric, axis), "</svg>"]) + "\n"


def _plane(points: Sequence[Point], metric: str, axis: str) -> Iterator[str]:
    """Yield axes, intervals, dots and names."""
    describe = METRICS.describe(metric)
    lows = [point.score if point.low is None else point.low for point in points]
    highs = [point.score if point.high is None else point.high for point in points]
    marks = ticks(min(lows), max(highs))
    first, last = (math.floor(math.log10(points[0].cost)), math.ceil(math.log10(points[-1].cost)))
    last = max(last, first + 1)

    def across(cost: float) -> float:
        return LEFT + (RIGHT - LEFT) * (math.log10(cost) - first) / (last - first)

    def up(score: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (score - marks[0]) / ((marks[-1] - marks[0]) or 1.0)

    yield _text(0, 14, describe.heading, "dim")
    for mark in marks:
        yield f'<line class="grid" x1="{LEFT}" y1="{up(mark):.1f}" x2="{RIGHT}" y2="{up(mark):.1f}"/>'
        yield _text(LEFT - 6, up(mark) + 4, describe.text(mark).rstrip("0").rstrip("."), "dim", "end")
    for power in range(first, last + 1):
        x = across(10.0**power)
        yield f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{BOTTOM}"/>'
        yield _text(x, BOTTOM + 18, f"{10.0**power:g}", "dim", "middle")
    yield _text((LEFT + RIGHT) / 2, HEIGHT - 8, axis, "dim", "middle")
    dots = [(across(point.cost), up(point.score)) for point in points]
    bars = [
        Box(x - 1, up(point.high), x + 1, up(point.low))
        for point, (x, _) in zip(points, dots, strict=True)
        if point.low is not None and point.high is not None
    ]
    for bar in bars:
        x = (bar.left + bar.right) / 2
        yield f'<line class="bar" x1="{x:.1f}" y1="{bar.bottom:.1f}" x2="{x:.1f}" y2="{bar.top:.1f}"/>'
    names = [point.name if len(point.name) <= _LABEL else f"{point.name[: _LABEL - 1]}…" for point in points]
    found = places(names, dots, bars, Box(LEFT, TOP, WIDTH, BOTTOM))
    for (x, y), place in zip(dots, found, strict=True):
        if place is not None and (end := leader(place, x, y)) is not None:
            yield f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'
    for point, (x, y) in zip(points, dots, strict=True):
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape.html(point.name)}</title></circle>'
    for name, (x, _), place in zip(names, dots, found, strict=True):
        if place is not None:
            leftward = place.right < x
            y = (place.top + place.bottom) / 2 + 4
            yield _text(place.right if leftward else place.left, y, name, anchor="end" if leftward else "start")
    if without := found.count(None):
        yield _text(WIDTH, 14, f"without their names, for want of room: {without}", "dim", "end")


def _text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape.html(words)}</text>'
