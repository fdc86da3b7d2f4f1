"""Writers of boards in other forms than Markdown pages: for a spreadsheet, a program, or a paper."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from tta_bench.boards.board import Board
from tta_bench.boards.collect import Collected
from tta_bench.boards.flat_rows import as_csv, as_json
from tta_bench.boards.latex import as_latex
from tta_bench.boards.own_data import BoardKey
from tta_bench.boards.published import Published
from tta_bench.boards.sections import make_board
from tta_bench.records.store import file_stem, record_files

WRITERS: dict[str, Callable[[Sequence[Board]], str]] = {"csv": as_csv, "json": as_json, "latex": as_latex}
"""Writers of all boards in one text, by form."""


def all_boards(
    collected: Collected, published: dict[str, Published], only: Collection[str | None] | None = None
) -> list[Board]:
    """Return the boards of collected records, those of one's own data first.

    Args:
        collected: The records of each board.
        published: Figures reported by others, by protocol.
        only: Digests of records: a board without one of them is left out. None keeps all boards.
    """
    keys = sorted(
        (
            key
            for key, entries in collected.entries.items()
            if only is None or any(entry.record.content_sha256 in only for entry in entries)
        ),
        key=lambda key: (not key.own, key),
    )
    return [make_board(key, collected.entries[key], reported(key, published)) for key in keys]


def records_in(collected: Collected, folders: Sequence[Path]) -> set[str | None]:
    """Return the digests of the collected records that lie in some folders.

    Args:
        collected: The records of each board.
        folders: Folders of records.
    """
    names = {path.stem for folder in folders for path in record_files(folder)}
    entries = [entry for listed in collected.entries.values() for entry in listed]
    return {entry.record.content_sha256 for entry in entries if file_stem(entry.record) in names}


def reported(key: BoardKey, published: dict[str, Published]) -> Published | None:
    """Return the figures that stand on a board: none on a sample, nor beside data of one's own."""
    return published.get(key.protocol) if key.tier == "full" and not key.own else None
