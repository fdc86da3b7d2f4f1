from __future__ import annotations

from pathlib import Path

import pytest

from tests.boards.some_rows import Folder, entries
from tests.records.some_records import some_predictions
from tta_bench.boards.board import Number, Table
from tta_bench.boards.ranking import RankedRow, rank_rows
from tta_bench.boards.rows import sort_into_sections
from tta_bench.boards.score_tables import circumstances, emotions, notes, score_column, scores


@pytest.fixture
def rows(tmp_path: Path) -> list[RankedRow]:
    folder = Folder(tmp_path)
    runs = [folder.entry(some_predictions(accuracy), backbone=f"net{accuracy}") for accuracy in (0.9, 0.2)]
    return rank_rows(sort_into_sections(runs).measured, "top1")


def test_the_score_is_the_third_column(rows: list[RankedRow]) -> None:
    table = scores(rows, "top1")
    assert [column.heading for column in table.columns][:4] == ["rank", "backbone", "top-1 %", "95 % interval"]
    assert [row[1].words for row in table.rows] == ["net0.9", "net0.2"]
    assert score_column("pearson").heading == "mean r"


def test_circumstances_are_of_the_same_rows(rows: list[RankedRow]) -> None:
    table = circumstances(rows)
    assert table.continues
    assert [row[1].words for row in table.rows] == ["net0.9", "net0.2"]
    assert {"version", "numerics", "date", "paper", "seeds"} <= {column.key for column in table.columns}


def test_notes_explain_only_what_is_there(rows: list[RankedRow]) -> None:
    assert list(notes(rows, "top1")) == []
    few = [row._replace(rough=True) for row in rows]
    (note,) = notes(few, "top1")
    assert note.words.startswith("†")


def test_what_is_known_of_the_data_is_noted(rows: list[RankedRow], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tta_bench.boards.score_tables.note_of", lambda record: "3 test clips are `training` clips")
    words = [note.words for note in notes(rows, "top1")]
    assert words == [f"{name}: 3 test clips are 'training' clips" for name in ("net0.9", "net0.2")]


def test_emotions_have_a_column_each(tmp_path: Path) -> None:
    rows = rank_rows(sort_into_sections(entries(tmp_path, 0.5, 3.0)).measured, "pearson")
    table, note = emotions(rows)
    assert isinstance(table, Table)
    assert len(table.columns) == 2 + 7
    assert all(isinstance(cell, Number) for cell in table.rows[0][2:])
    assert "Pearson" in getattr(note, "words", "")
