from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.boards.test_sections import board_of, some_entries
from tta_bench.boards.board import Board, Figure, Interval, Links, Rank, Section, Table, Text
from tta_bench.boards.forest import picture, shown_rows, ticks
from tta_bench.boards.score_tables import BACKBONE, INTERVAL, RANK, score_column

SVG = "{http://www.w3.org/2000/svg}"


def board_with(*names: str, metric: str = "top1") -> Board:
    """Return a board of rows with these names."""
    rows = tuple(
        (Rank(n), Text(name), Figure(metric, 0.5 - n / 50), Interval(metric, 0.4 - n / 50, 0.6))
        for n, name in enumerate(names)
    )
    table = Table((RANK, BACKBONE, score_column(metric), INTERVAL), rows)
    return Board("p", "full", "t <b>", PurePosixPath("p.md"), sections=(Section("measured", "m", (table,)),))


def test_every_ranked_row_has_a_dot_and_a_line(tmp_path: Path) -> None:
    board = board_of(some_entries(tmp_path))
    root = ElementTree.fromstring(picture(board))
    (table,) = board.ranked()
    assert len(root.findall(f"{SVG}circle")) == len(shown_rows(table)) == 4
    assert len([line for line in root.findall(f"{SVG}line") if line.get("class") == "bar"]) == 4
    words = [text.text for text in root.findall(f"{SVG}text")]
    assert {"videomaev2_vit_b", "89.24", "only_split_1"} <= set(words)
    for circle in root.findall(f"{SVG}circle"):
        assert 170 <= float(circle.get("cx", "0")) <= 420


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b", '" onload="x', "\x1b[31m", "x" * 200])
def test_no_name_is_markup(name: str) -> None:
    drawn = picture(board_with(name))
    root = ElementTree.fromstring(drawn)
    assert not root.findall(f".//{SVG}script")
    assert not any("onload" in part.attrib for part in root.iter())
    assert "\x1b" not in drawn


def test_a_board_without_rows_has_no_picture() -> None:
    assert picture(board_of([])) == ""
    assert Links(()).words == "-"


def test_the_same_rows_give_the_same_bytes_in_another_process() -> None:
    code = "from tests.boards.test_forest import *; import sys; sys.stdout.write(picture(board_with('a', 'b')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == picture(board_with("a", "b"))


@given(st.floats(-1, 1), st.floats(0, 1))
def test_ticks_are_round_and_hold_the_ends(low: float, span: float) -> None:
    marks = ticks(low, low + span)
    assert marks[0] <= low + 1e-9
    assert marks[-1] >= low + span - 1e-9
    assert 2 <= len(marks) <= 8
    steps = [b - a for a, b in pairwise(marks)]
    assert max(steps) - min(steps) < 1e-6
