from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.some_records import some_identity, some_predictions, write_success
from tta_bench.boards.collect import collect_entries
from tta_bench.boards.flat_rows import flat_rows
from tta_bench.boards.markdown import as_markdown
from tta_bench.boards.own_data import BoardKey
from tta_bench.boards.sections import make_board
from tta_bench.records.selection import GridPoint, Selection


def selection(optimism: float, *edge: str) -> Selection:
    points = tuple(GridPoint(settings={"C": value}, held_out=0.5, test=0.5) for value in (0.1, 1.0, 10.0))
    return Selection(points=points, chosen=0, held_out_clips=4, held_out_groups=2, at_edge=edge, optimism=optimism)


def page(folder: Path, *selections: Selection | None) -> tuple[str, list[dict[str, object]]]:
    for seed, one in enumerate(selections):
        write_success(
            folder, some_predictions(), keep_predictions=True, identity=some_identity(seed=seed), selection=one
        )
    (board,) = (make_board(*item) for item in collect_entries([folder], folder / "b", folder / "n").entries.items())
    return as_markdown(board), list(flat_rows([board]))


def test_the_mean_over_runs_is_shown_with_the_edge_marked_and_ranks_nothing(tmp_path: Path) -> None:
    text, (row,) = page(tmp_path, selection(0.02, "C"), selection(0.04))
    assert "3.00 ‖" in text
    assert "It is not skill, and ranks nothing" in text
    assert "A chosen setting is the least or largest of its grid" in text
    assert row["optimism"] == pytest.approx(0.03)


def test_rows_without_a_choice_have_no_such_column(tmp_path: Path) -> None:
    text, (row,) = page(tmp_path, None)
    assert "ptimism" not in text
    assert "optimism" not in row
    inside, _ = page(tmp_path / "b", selection(0.0))
    assert "‖" not in inside
    assert BoardKey("ucf101_ft", "full").title in inside
