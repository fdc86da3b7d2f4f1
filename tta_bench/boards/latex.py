"""Boards as LaTeX tables for a paper, set with the package booktabs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tta_bench.boards import escape
from tta_bench.boards.board import NONE, Board, Section, Table

_HEAD = (
    r"% The preamble needs \usepackage{booktabs}. "
    "Intervals: 95 %, from resampling groups. Ranks with = cannot be told apart."
)


def as_latex(boards: Sequence[Board]) -> str:
    """Return a table of the rows of each section, with the columns that a paper has room for."""
    return "\n\n".join([_HEAD, *(text for board in boards for text in _tables(board))]) + "\n"


def _tables(board: Board) -> Iterator[str]:
    for section, table in board.tables():
        if not table.continues:
            yield f"% {_comment(board, section, table)}\n{_tabular(table)}"


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
