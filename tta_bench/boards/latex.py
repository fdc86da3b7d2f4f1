"""Boards as LaTeX tables for a paper, set with the package booktabs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tta_bench.boards import escape
from tta_bench.boards.board import NONE, Board, Note, Section, Table

_HEAD = (
    r"% The preamble needs \usepackage{booktabs}. "
    "Intervals: 95 %, from resampling groups. A rank stands with the lowest that it may be."
)


def as_latex(boards: Sequence[Board]) -> str:
    """Return a table of the rows of each section, with the columns that a paper has room for."""
    return "\n\n".join([_HEAD, *(text for board in boards for text in _tables(board))]) + "\n"


def _tables(board: Board) -> Iterator[str]:
    for section, table in board.tables():
        if not table.continues:
            marks = [f"% {words}" for words in _marks(section, table)]
            yield "\n".join([f"% {_comment(board, section, table)}", _tabular(table), *marks])


def _marks(section: Section, table: Table) -> Iterator[str]:
    """Yield the section's notes on the marks that stand in a table."""
    shown = {mark for row in table.rows for cell in row for mark in cell.words}
    for part in section.parts:
        if isinstance(part, Note) and not part.words[:1].isascii() and part.words[0] in shown:
            yield escape.plain(part.words)


def _comment(board: Board, section: Section, table: Table) -> str:
    return escape.plain(": ".join(filter(None, [board.title, section.title, table.title or table.folded])))


def _tabular(table: Table) -> str:
    """Return an environment ``tabular``, one line for each row."""
    used = [index for index in table.used() if table.columns[index].paper]
    align = "".join("r" if table.columns[index].right else "l" for index in used)
    lines = [_line([table.columns[index].heading for index in used]), r"\midrule"]
    lines += [_line(["" if row[index].words == NONE else row[index].words for index in used]) for row in table.rows]
    return "\n".join([f"\\begin{{tabular}}{{{align}}}", r"\toprule", *lines, r"\bottomrule", r"\end{tabular}"])


def _line(cells: Sequence[str]) -> str:
    """Return a line of a table; a bracket at its start would be read as an argument of the line before."""
    escaped = [escape.latex(cell) for cell in cells]
    return " & ".join(f"{{}}{cell}" if cell.startswith(("[", "*")) else cell for cell in escaped) + r" \\"
