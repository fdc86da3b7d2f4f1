from __future__ import annotations

import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from tests.boards.test_escape import HOSTILE
from tests.boards.test_sections import PUBLISHED, board_of, some_entries
from tta_bench.boards.board import Board, Column, Section, Table, Text
from tta_bench.boards.latex import as_latex

DOCUMENT = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n%s\n\\end{document}\n"


def hostile_board() -> str:
    """Return tables with whatever text may stand in a record, in titles and cells."""
    words = [*HOSTILE, "[1em] at the start", "*", "%", "a & b", "\\\\"]
    columns = (Column("a", words[0], paper=True), Column("b", "\\end{tabular}", paper=True))
    table = Table(columns, tuple((Text(word), Text(word[::-1])) for word in words), "a title\nof two lines")
    return as_latex([Board("p", "full", "% \n \\foo", PurePosixPath("p.md"), sections=(Section("s", "{", (table,)),))])


def test_a_table_for_each_section(tmp_path: Path) -> None:
    text = as_latex([board_of(some_entries(tmp_path), PUBLISHED)])
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\end{tabular}") == 6
    assert "% ucf101_ft: leaderboard: Measured\n\\begin{tabular}{rlrlrrrll}" in text
    measured = text.split("% ucf101_ft: leaderboard: Measured")[1].split(r"\end{tabular}")[0]
    assert text.count("% † Fewer than ") == 1
    assert measured.count(r"\\") == 5  # heading and four rows
    assert r"1 to 2 & videomaev2\_vit\_b & 89.24 & 85.01 to 92.61" in measured


def test_no_comment_goes_on_in_the_next_line() -> None:
    text = hostile_board()
    outside = [line for line in text.splitlines() if not line.startswith(("%", "\\")) and " & " not in line]
    assert outside == [""]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_the_tables_compile_whatever_records_say(tmp_path: Path) -> None:
    tables = as_latex([board_of(some_entries(tmp_path / "a"), PUBLISHED)]) + hostile_board()
    (tmp_path / "t.tex").write_text(DOCUMENT % tables, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "t.pdf").stat().st_size > 10_000
