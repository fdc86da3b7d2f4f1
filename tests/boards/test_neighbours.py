from __future__ import annotations

from pathlib import Path

from tests.boards.some_rows import Folder
from tests.boards.test_sections import board_of, some_entries
from tests.records.some_records import some_identity, some_predictions, write_success
from tta_bench.boards.board import Board
from tta_bench.boards.neighbours import rows_among, rows_of


def many(folder: Path) -> Board:
    """Return a board of twelve rows."""
    return board_of([Folder(folder).entry(some_predictions(n / 12), backbone=f"net{n:02d}") for n in range(12)])


def names(board: Board) -> dict[str, str]:
    """Return the name of the first record of each backbone of a board's ranked rows."""
    (table,) = board.ranked()
    keys = [column.key for column in table.columns]
    links = [row[keys.index("runs")].data("runs")["runs"] for row in table.rows]
    return {row[1].words: Path(str(link).split()[0]).stem for row, link in zip(table.rows, links, strict=True)}


def test_ones_own_row_stands_with_three_above_and_below(tmp_path: Path) -> None:
    board = many(tmp_path)
    (table,) = board.ranked()
    middle = table.rows[6][1].words
    lines = rows_of(board, {names(board)[middle]}).splitlines()
    assert len(lines) == 2 + 7 + 1
    assert [middle in line for line in lines if line.startswith("->")] == [True]
    assert lines[-1] == "(3 above) (2 below)"
    best = table.rows[0][1].words
    assert len(rows_of(board, {names(board)[best]}).splitlines()) == 2 + 4 + 1


def test_records_without_a_rank_say_why(tmp_path: Path) -> None:
    board = board_of(some_entries(tmp_path))
    stems = {path.stem for path in tmp_path.glob("*.json")}
    of = {name: {stem for stem in stems if name in stem} for name in ("fewer_views", "unlucky", "frozen", "outside")}
    assert rows_of(board, of["fewer_views"]) == "Not standard: fewer_views: changed: eval.segments=2"
    assert rows_of(board, of["unlucky"]).startswith("Without a row: unlucky: error: NaN loss")
    assert rows_of(board, of["frozen"]).startswith("Controls:\n")
    assert rows_of(board, of["outside"]).startswith("Scored from files:\n")
    assert rows_of(board, {"nothing"}) == ""


def test_records_of_a_folder_stand_on_the_board_they_belong_to(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    paths = [
        write_success(
            tmp_path / "records", some_predictions(n / 3, salt=str(n)), identity=some_identity(backbone=f"net{n}")
        )
        for n in range(3)
    ]
    said = rows_among(tmp_path / "records", tmp_path, {paths[1].stem})
    assert said.startswith("ucf101_ft: leaderboard\n")
    assert [line.split()[2] for line in said.splitlines() if line.startswith("->")] == ["net1"]
    assert all(f"net{n}" in said for n in range(3))
    assert rows_among(tmp_path / "records", tmp_path, {"another"}) == ""
