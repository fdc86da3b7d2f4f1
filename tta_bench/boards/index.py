"""The first page of a folder of boards: one line and one picture for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from tta_bench.boards import escape
from tta_bench.boards.board import NONE, Board, Cell, Column, Link, Links, Number, Table, Text
from tta_bench.boards.forest import picture
from tta_bench.boards.markdown import BEGIN, END, Numbered, table

PAGE = PurePosixPath("README.md")
_INTRO = (
    "Each board is written from records by `tta-bench leaderboard`. A dot is a score, the line through it the 95 %\n"
    "interval from resampling groups of clips; rows whose difference is not separable share a rank on the board. The\n"
    "best row is the first one, which others may share."
)


def picture_file(board: Board) -> PurePosixPath:
    """Return the file of a board's picture, beside its page."""
    return board.path.with_suffix(".svg")


def index_page(boards: Sequence[Board]) -> str:
    """Return the generated part of the first page, markers included."""
    links = Numbered()
    columns = (
        *(Column("board", "board"), Column("best", "best"), Column("score", "score", right=True)),
        *(Column("interval", "95 % interval"), Column("metric", "of"), Column("rows", "rows", right=True)),
        Column("date", "last run"),
    )
    lines = tuple(line_of(board) for board in boards)
    parts = [BEGIN, "# Leaderboards", _INTRO, table(Table(columns, lines), links)]
    for board in boards:
        if picture(board):
            shown = f"![{escape.markdown(board.title)}]({escape.address(picture_file(board).as_posix())})"
            parts += [f"## {links.to(Link(board.title, board.path.as_posix()))}", shown]
    return "\n\n".join([*parts, links.definitions(), END]) + "\n"


def line_of(board: Board) -> tuple[Cell, ...]:
    """Return the cells of a board's line: its first measured row, or what there is instead."""
    title = Links((Link(board.title, board.path.as_posix()),))
    tables = list(board.ranked())
    if not tables:
        reported = sum(len(table.rows) for section, table in board.tables() if section.key == "reported")
        words = f"nothing measured yet, {reported} reported" if reported else "nothing ranked"
        return (title, Text(words), Text(None), Text(None), Text(None), Number(0, "0"), Text(None))
    keys = [column.key for column in tables[0].columns]
    first = dict(zip(keys, tables[0].rows[0], strict=True))
    dates = [cell.words for cell in _cells(board, "date") if cell.words != NONE]
    number = sum(len(table.rows) for table in tables)
    heading = tables[0].columns[keys.index("score")].heading
    return (
        *(title, Text(first["backbone"].words), Text(first["score"].words), Text(first["interval"].words)),
        *(Text(heading), Number(number, str(number)), Text(max(dates, default=None))),
    )


def _cells(board: Board, key: str) -> list[Cell]:
    """Return the cells of a column in the section of measured rows."""
    return [
        row[index]
        for section, table in board.tables()
        if section.key == "measured"
        for index, column in enumerate(table.columns)
        if column.key == key
        for row in table.rows
    ]
