"""Tables of a board for a web page: words, links and values to sort by, with the columns that a reader filters on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tta_bench.boards import escape
from tta_bench.boards.board import NONE, Board, Cell, Column, Link, Links, Note, Number, Section, Source, Table, Text
from tta_bench.boards.rows import Entry
from tta_bench.boards.sources import modality_of
from tta_bench.records.rates import watt_hours

FACETS = ("weights", "pretraining", "labels", "track", "input", "modality", "dataset", "verified", "precision")
"""Columns that a reader may filter on, where they have two values or more."""
_MOST_CHOICES = 40
"""A column with more values than this is searched, not chosen from."""
_NUMBERS = ("rank", "score", "clips", "groups", "gmacs", "parameters", "speed", "year", "value", "hours", "energy")
"""Columns that are sorted as numbers; those aligned to the right are, too."""
_ADDED = (
    Column("modality", "modality"),
    Column("dataset", "data"),
    Column("hours", "hours a run", right=True),
    Column("energy", "Wh a run", right=True),
)
"""Columns of measured rows that only a wide page has room for."""


class WebCell(NamedTuple):
    """Words of a cell, and where they lead."""

    words: str
    links: tuple[Link, ...] = ()


class WebColumn(NamedTuple):
    """A column that can be sorted."""

    key: str
    heading: str
    right: bool
    number: bool
    choices: tuple[str, ...] = ()
    """Values to choose from; none for a column that is no facet."""


class WebTable(NamedTuple):
    """A table of a page."""

    title: str
    columns: tuple[WebColumn, ...]
    rows: tuple[tuple[WebCell, ...], ...]
    folded: str = ""
    """Words in whose place it unfolds, if it is folded away."""


class WebSection(NamedTuple):
    """A section of a page: tables, and notes as text."""

    key: str
    title: str
    parts: tuple[WebTable | str, ...]


Address = Callable[[Link], str]
"""Address of a board's link, seen from the page."""


def sections_of(board: Board, entries: Mapping[str, Entry], address: Address) -> Iterator[WebSection]:
    """Yield the sections of a board; a table that continues another one is joined to it.

    Args:
        board: The board.
        entries: Its records by link.
        address: Where links lead.
    """
    for section in board.sections:
        parts: list[Table | Note] = []
        for part in section.parts:
            if isinstance(part, Table) and part.continues:
                index = max(
                    index for index, before in enumerate(parts) if isinstance(before, Table) and _scored(before)
                )
                parts[index] = _joined(parts[index], part)
            else:
                parts.append(part)
        yield WebSection(section.key, section.title, tuple(_part(part, section, entries, address) for part in parts))


def rows_of_name(board: Board, name: str) -> Iterator[tuple[str, dict[str, Cell]]]:
    """Yield section title and cells by key of every row about a backbone, or several parts of one.

    Args:
        board: The board.
        name: Name of the backbone.
    """
    for section, table in board.tables():
        keys = [column.key for column in table.columns]
        if "backbone" in keys and section.key in ("measured", "scored", "controls") and not table.continues:
            for row in table.rows:
                cells = dict(zip(keys, row, strict=True))
                if cells["backbone"].words == name and "score" in cells:
                    yield section.title, cells


def links_of(row: Sequence[Cell]) -> Iterator[Link]:
    """Yield the links to records in a row."""
    yield from (link for cell in row if isinstance(cell, Links) for link in cell.links)


def hours_of(entries: Sequence[Entry]) -> float | None:
    """Return the mean hours of a run, all its phases together; None where no record says."""
    seconds = [sum(phase.seconds for phase in entry.record.phases) for entry in entries if entry.record.phases]
    return sum(seconds) / len(seconds) / 3600 if seconds else None


def _scored(table: Table) -> bool:
    return any(column.key == "score" for column in table.columns)


def _joined(table: Table | Note, more: Table) -> Table:
    """Return a table with the columns of the one that continues it."""
    assert isinstance(table, Table)
    known = {column.key for column in table.columns}
    new = [index for index, column in enumerate(more.columns) if column.key not in known]
    rows = zip(table.rows, more.rows, strict=True)
    return Table(
        (*table.columns, *(more.columns[index] for index in new)),
        tuple((*row, *(other[index] for index in new)) for row, other in rows),
        table.title,
        folded=table.folded,
    )


def _part(part: Table | Note, section: Section, entries: Mapping[str, Entry], address: Address) -> WebTable | str:
    if isinstance(part, Note):
        return part.words
    if section.key in ("measured", "scored", "controls"):
        part = _widened(part, entries)
    used = part.used()
    rows = tuple(tuple(_cell(row[index], address) for index in used) for row in part.rows)
    columns = tuple(_column(part.columns[index], [row[at].words for row in rows]) for at, index in enumerate(used))
    return WebTable(part.title, columns, rows, part.folded)


def _widened(table: Table, entries: Mapping[str, Entry]) -> Table:
    """Return a table of scores with the columns that only a wide page has room for."""
    if not _scored(table) or not any(column.key == "runs" for column in table.columns):
        return table
    return Table(
        (*table.columns, *_ADDED),
        tuple(
            (*row, *_added([entries[link.address] for link in links_of(row) if link.address in entries]))
            for row in table.rows
        ),
        table.title,
        folded=table.folded,
    )


def _added(runs: Sequence[Entry]) -> tuple[Cell, ...]:
    if not runs:
        return Text(None), Text(None), Number(None), Number(None)
    hours, energy, record = hours_of(runs), watt_hours(entry.record for entry in runs), runs[0].record
    return (
        *(Text(modality_of(record)), Text(record.identity.dataset.name)),
        Number(hours, "" if hours is None else f"{hours:.2g}" if hours < 1 else f"{hours:,.1f}"),
        Number(energy, "" if energy is None else f"{energy:,.3g}"),
    )


def _cell(cell: Cell, address: Address) -> WebCell:
    if isinstance(cell, Links):
        return WebCell(cell.words, tuple(Link(link.words, address(link)) for link in cell.links))
    if isinstance(cell, Source) and cell.address is not None:
        return WebCell(cell.value, (Link(cell.value, escape.address(cell.address)),))
    return WebCell(cell.words)


def _column(column: Column, words: Sequence[str]) -> WebColumn:
    values = dict.fromkeys(sorted(word for word in set(words) if word != NONE))
    choices = tuple(values) if column.key in FACETS and 2 <= len(values) <= _MOST_CHOICES else ()
    return WebColumn(column.key, column.heading, column.right, column.right or column.key in _NUMBERS, choices)
