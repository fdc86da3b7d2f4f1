"""Rows of boards on one level, as CSV and JSON: every section, with all digits."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from tta_bench.boards import escape
from tta_bench.boards.board import Board, Cell, Column, Figure, Section, Table

FlatRow = dict[str, JsonValue]


def flat_rows(boards: Sequence[Board]) -> Iterator[FlatRow]:
    """Yield every row of every table, in the order of the boards; a row without a value lacks its key.

    Accuracies are fractions, as in records. A table that continues another one adds its columns to the same rows.
    """
    for board in boards:
        rows: list[FlatRow] = []
        for section, table in board.tables():
            if not table.continues:
                yield from rows
                rows = [_first(board, section, table) for _ in table.rows]
            for row, cells in zip(rows, table.rows, strict=True):
                row |= _data(table.columns, cells)
        yield from rows


def _first(board: Board, section: Section, table: Table) -> FlatRow:
    """Return the fields that say where a row stands."""
    part = table.title if table.title else None
    return {
        "board": board.path.as_posix(),
        "protocol": board.protocol,
        "tier": board.tier,
        "dataset": board.dataset or None,
        "section": section.key,
        "part": part,
    }


def _data(columns: Sequence[Column], cells: Sequence[Cell]) -> FlatRow:
    data: FlatRow = {}
    for column, cell in zip(columns, cells, strict=True):
        if column.key == "score" and isinstance(cell, Figure):
            data["metric"] = cell.metric
        data |= cell.data(column.key)
    return data


def as_csv(boards: Sequence[Board]) -> str:
    """Return all rows as CSV with a header line; text that a spreadsheet would take for a formula is quoted."""
    rows = list(_complete(boards))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([escape.csv(name) for name in (rows[0] if rows else _COLUMNS)])
    writer.writerows([_csv(value) for value in row.values()] for row in rows)
    return buffer.getvalue()


_COLUMNS = ("board", "protocol", "tier", "dataset", "section", "part")


def _csv(value: JsonValue) -> object:
    return escape.csv(value) if isinstance(value, str) else value


def as_json(boards: Sequence[Board]) -> str:
    """Return all rows as a JSON array of objects with the same keys."""
    return json.dumps(list(_complete(boards)), indent=2, allow_nan=False) + "\n"


def _complete(boards: Sequence[Board]) -> Iterator[FlatRow]:
    """Yield every row with the keys of all."""
    rows = list(flat_rows(boards))
    names = dict.fromkeys(name for row in rows for name in row)
    yield from ({name: row.get(name) for name in names} for row in rows)
