from __future__ import annotations

import csv
import io
import json
from pathlib import Path, PurePosixPath

import pytest

from tests.boards.test_sections import PUBLISHED, board_of, some_entries
from tta_bench.boards.board import Board, Column, Number, Section, Table, Text
from tta_bench.boards.flat_rows import as_csv, as_json, flat_rows


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return board_of(some_entries(tmp_path), PUBLISHED)


def test_rows_of_every_section_have_their_figures(board: Board) -> None:
    rows = list(flat_rows([board]))
    sections = {"measured", "controls", "scored", "not_standard", "left_out", "reported"}
    assert {row["section"] for row in rows} == sections
    assert {(row["protocol"], row["tier"], row["dataset"]) for row in rows} == {("ucf101_ft", "full", None)}
    (lacking,) = (row for row in rows if row.get("backbone") == "only_split_1")
    assert (lacking["rank"], lacking["splits"]) == (None, "1 (missing: 2 3)")
    first = rows[0]
    assert (first["rank"], first["weights"], first["pretraining"], first["metric"]) == (
        *(1, "videomae_k400", "Kinetics-400", "top1"),
    )
    assert isinstance(first["score"], float)
    assert first["low"] <= first["score"] <= first["high"]  # type: ignore[operator]
    assert first["date"] == "2026-11-22"  # of the table that goes on with the same rows
    quoted = [row for row in rows if row["section"] == "reported"]
    assert [(row["value"], row["source"], row["source_link"]) for row in quoted] == [
        (96.1, "README", "https://arxiv.org/abs/2203.12602"),
        (83.1, "README", None),
    ]


def test_forms_have_the_same_rows(board: Board) -> None:
    rows = json.loads(as_json([board]))
    listed = list(csv.DictReader(io.StringIO(as_csv([board]))))
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows] == listed


def test_nothing_gives_a_header_and_no_row() -> None:
    assert as_csv([]).startswith("board,protocol,tier,dataset,section")
    assert json.loads(as_json([])) == []


@pytest.mark.parametrize("words", ['=HYPERLINK("http://x")', "+1+1", "@SUM(A1)", "-2+3", "\t=1", "\x1b[31m=1"])
def test_no_text_is_a_formula_and_no_number_is_text(words: str) -> None:
    table = Table((Column("a", "a"), Column(words, "b"), Column("n", "n")), ((Text(words), Text("x"), Number(-0.5)),))
    board = Board("p", "full", words, PurePosixPath("p.md"), sections=(Section("s", "s", (table,)),))
    (row,) = csv.DictReader(io.StringIO(as_csv([board])))
    assert row["a"].startswith("'")
    assert row["n"] == "-0.5"
    assert not any(name.startswith(tuple("=+-@\t\x1b")) for name in row)
