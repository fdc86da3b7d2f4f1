from __future__ import annotations

from pathlib import Path

from tests.boards.test_sections import board_of, some_entries
from tta_bench.boards.web.cost_pictures import cost_pictures


def test_rows_with_a_cost_are_shown_against_it(tmp_path: Path) -> None:
    entries = some_entries(tmp_path)
    board, by_link = board_of(entries), {entry.link: entry for entry in entries}
    drawn = {name: (words, svg) for name, words, svg in cost_pictures(board, by_link)}
    assert set(drawn) == {"gmacs", "hours"}
    words, svg = drawn["gmacs"]
    assert "multiply-adds" in words
    assert "videomaev2_vit_b" in svg
    assert "only_split_1" not in svg
    assert svg.count("<circle") == 3


def test_a_board_without_rows_has_none() -> None:
    assert list(cost_pictures(board_of([]), {})) == []
