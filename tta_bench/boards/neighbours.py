"""A few rows of a board round one's own, as text for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from tabulate import tabulate

from tta_bench.boards import escape
from tta_bench.boards.board import Board, Cell, Links, Table
from tta_bench.boards.collect import collect_entries
from tta_bench.boards.export import all_boards
from tta_bench.boards.published import quote_published

AROUND = 3
"""Rows shown above and below one's own."""
_SHOWN = ("rank", "backbone", "score", "interval", "verified", "clips")
_NO_RANK = ("not_standard", "left_out")
"""Sections of records that have no rank."""


def rows_of(board: Board, names: Collection[str]) -> str:
    """Return the rows that hold some records, each with a few above and below; nothing where the board has none.

    Args:
        board: The board.
        names: Names of the records' files without their ending.
    """
    parts = []
    for section, table in board.tables():
        own = [index for index, row in enumerate(table.rows) if _holds(row, names)]
        if not own or table.continues:
            continue
        if section.key in _NO_RANK:
            parts += [f"{section.title}: {line}" for line in _reasons(table, own)]
        elif section.key == "measured":
            parts.append(_excerpt(table, own))
        else:
            parts.append(f"{section.title}:\n{_table(table, own, own)}")
    return "\n".join(parts)


def rows_among(records: Path, boards: Path, names: Collection[str]) -> str:
    """Return the rows that hold some records on every board of a folder, each board's below its title.

    Args:
        records: Folder of the records.
        boards: Folder of the boards.
        names: Names of the records' files without their ending.
    """
    collected = collect_entries([records], boards, boards)
    shown = all_boards(collected, quote_published(boards / "published").published)
    return "\n".join(f"{board.title}\n\n{rows}\n" for board in shown if (rows := rows_of(board, names)))


def _holds(row: Sequence[Cell], names: Collection[str]) -> bool:
    """Return True if one of a row's links leads to one of some records."""
    cells = [cell for cell in row if isinstance(cell, Links)]
    return any(PurePosixPath(link.address).stem in names for cell in cells for link in cell.links)


def _excerpt(table: Table, own: Sequence[int]) -> str:
    """Return one's own rows and those around them, with the number of rows left out."""
    shown = sorted({near for index in own for near in range(index - AROUND, index + AROUND + 1)})
    shown = [index for index in shown if 0 <= index < len(table.rows)]
    above, total = shown[0], len(table.rows)
    left_out = [f"({above} above)"] if above else []
    left_out += [f"({total - 1 - shown[-1]} below)"] if shown[-1] < total - 1 else []
    title = f"{escape.plain(table.title)}:" if table.title else ""
    return "\n".join(filter(None, [title, _table(table, shown, own), " ".join(left_out)]))


def _table(table: Table, shown: Sequence[int], own: Sequence[int]) -> str:
    """Return rows with the columns that tell them apart; one's own begin with an arrow."""
    keys = [column.key for column in table.columns]
    used = [keys.index(key) for key in _SHOWN if key in keys]
    rows = [
        ["->" if index in own else "", *(escape.plain(table.rows[index][column].words) for column in used)]
        for index in shown
    ]
    headings = ["", *(escape.plain(table.columns[column].heading) for column in used)]
    align = ["left", *("right" if table.columns[column].right else "left" for column in used)]
    return tabulate(rows, headers=headings, colalign=align, tablefmt="simple", disable_numparse=True)


def _reasons(table: Table, own: Sequence[int]) -> Iterator[str]:
    """Yield backbone and reason of records without a rank."""
    keys = [column.key for column in table.columns]
    reason = keys.index("differs" if "differs" in keys else "reason")
    for index in own:
        row = table.rows[index]
        yield f"{escape.plain(row[keys.index('backbone')].words)}: {escape.plain(row[reason].words)}"
