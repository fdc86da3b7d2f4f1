from __future__ import annotations

from pathlib import Path

from tests.boards.test_forest import board_with
from tests.boards.test_sections import PUBLISHED, board_of, some_entries
from tta_bench.boards.index import index_page, picture_file


def test_a_line_for_each_board_with_the_score_third(tmp_path: Path) -> None:
    page = index_page([board_of(some_entries(tmp_path), PUBLISHED), board_with("a", metric="pearson")])
    header, _, first, second = (line for line in page.splitlines() if line.startswith("|"))
    assert [cell.strip() for cell in header.split("|")][1:4] == ["board", "best", "score"]
    cells = [cell.strip() for cell in first.split("|")]
    assert cells[1:8] == [
        *("[ucf101_ft: leaderboard][1]", "videomaev2_vit_b", "89.24", "85.01 to 92.61", "top-1 %", "4", "2026-11-22"),
    ]
    assert "0.5000" in second
    assert "![ucf101_ft: leaderboard](ucf101_ft.svg)" in page
    assert "[t &lt;b&gt;][2]" in page


def test_a_board_without_rows_says_what_it_has() -> None:
    page = index_page([board_of([], PUBLISHED), board_of([])])
    assert "nothing measured yet, 2 reported" in page
    assert "nothing ranked" in page
    assert "![" not in page


def test_a_picture_lies_beside_its_page() -> None:
    assert picture_file(board_of([])).as_posix() == "ucf101_ft.svg"
