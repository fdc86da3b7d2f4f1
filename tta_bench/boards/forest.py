"""A board's scores and intervals as a picture, SVG: the same rows give the same bytes, on any machine.

It is written as text, not drawn by a plotting library, since the check of the boards compares bytes and runs where no
such library is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tta_bench.boards import escape
from tta_bench.boards.board import Board, Figure, Interval, Table
from tta_bench.metrics import METRICS

WIDTH, LEFT, RIGHT, LINE, TOP = 480, 170, 420, 26, 30
"""Widths in pixels: of the picture, and where the axis begins and ends; height of a line, and of the head."""
_LABEL = 23
"""Most characters of a name."""
_STEPS = (1, 2, 5)
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}.dim{fill:#59636e}line,path{stroke:#59636e}"
    ".grid{stroke:#d1d9e0}circle{fill:#0969da}.bar{stroke:#0969da;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.dim{fill:#9198a1}.grid{stroke:#3d444d}"
    "circle{fill:#4493f8}.bar{stroke:#4493f8}}"
)


class Shown(NamedTuple):
    """One row of a picture."""

    name: str
    metric: str
    score: float
    low: float | None
    high: float | None


def shown_rows(table: Table) -> list[Shown]:
    """Return the rows of a table of scores that a picture shows."""
    keys = [column.key for column in table.columns]
    name, score, ends = (keys.index(key) for key in ("backbone", "score", "interval"))
    rows = []
    for row in table.rows:
        figure, interval = row[score], row[ends]
        if isinstance(figure, Figure) and figure.value is not None and isinstance(interval, Interval):
            rows.append(Shown(row[name].words, figure.metric, figure.value, interval.low, interval.high))
    return rows


def picture(board: Board) -> str:
    """Return the forest plot of a board's measured rows; nothing for a board without any."""
    return forest(board.title, [(table.title, shown_rows(table)) for table in board.ranked()])


def forest(heading: str, tables: Sequence[tuple[str, Sequence[Shown]]]) -> str:
    """Return the forest plot of some tables below each other; nothing where they have no rows.

    Args:
        heading: Name of the picture.
        tables: Title and rows of each table, whose rows have the same metric.
    """
    tables = [(title, rows) for title, rows in tables if rows]
    if not tables:
        return ""
    parts, height = [], 0.0
    for title, rows in tables:
        parts += [*_panel(title, rows, height)]
        height += TOP + LINE * (len(rows) + 1) + 8
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" role="img">'
        f"<title>{escape.html(heading)}: scores and 95 % intervals</title><style>{STYLE}</style>"
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def _panel(title: str, rows: Sequence[Shown], top: float) -> Iterator[str]:
    """Yield the lines and texts of one table."""
    metric = rows[0].metric
    low = min(min(row.score, row.low if row.low is not None else row.score) for row in rows)
    high = max(max(row.score, row.high if row.high is not None else row.score) for row in rows)
    marks = ticks(low, high)
    first, span = marks[0], (marks[-1] - marks[0]) or 1.0
    bottom = top + TOP + LINE * len(rows)

    def at(value: float) -> str:
        return f"{LEFT + (RIGHT - LEFT) * (value - first) / span:.1f}"

    yield _text(0, top + 18, ", ".join(filter(None, [title, METRICS.describe(metric).heading])), "dim")
    for mark in marks:
        yield f'<line class="grid" x1="{at(mark)}" y1="{top + TOP:.0f}" x2="{at(mark)}" y2="{bottom:.0f}"/>'
        yield _text(at(mark), bottom + 16, METRICS.describe(metric).text(mark).rstrip("0").rstrip("."), "dim", "middle")
    for index, row in enumerate(rows):
        y = top + TOP + LINE * (index + 0.5)
        name = row.name if len(row.name) <= _LABEL else f"{row.name[: _LABEL - 1]}…"
        yield _text(0, y + 4, name)
        if row.low is not None and row.high is not None:
            yield f'<line class="bar" x1="{at(row.low)}" y1="{y:.0f}" x2="{at(row.high)}" y2="{y:.0f}"/>'
        yield f'<circle cx="{at(row.score)}" cy="{y:.0f}" r="4"/>'
        yield _text(WIDTH, y + 4, METRICS.describe(metric).text(row.score), anchor="end")


def _text(x: float | str, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text{kind} x="{x}" y="{y:.0f}" text-anchor="{anchor}">{escape.html(words)}</text>'


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers from at most ``low`` to at least ``high``, as few as ``most`` or one more.

    Args:
        low: Lower end.
        high: Upper end.
        most: Steps between them.
    """
    span = max(high - low, 1e-4)
    exponent, step = -6, 0.0
    while step * most < span:
        step, exponent = next(
            ((factor * 10.0**exponent, exponent) for factor in _STEPS if factor * 10.0**exponent * most >= span),
            (0.0, exponent + 1),
        )
    start = int(low / step) - (low < 0 and low % step != 0)
    marks = [start * step]
    while len(marks) < 2 or marks[-1] < high - 1e-9:
        marks.append(round((start + len(marks)) * step, 9))
    return marks
