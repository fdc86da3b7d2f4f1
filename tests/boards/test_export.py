from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.boards.test_render import some_entries
from tta_bench.boards.export import BoardEntries, as_csv, as_json, as_latex, exported_rows


@pytest.fixture
def boards(tmp_path: Path) -> BoardEntries:
    return {("ucf101_ft", "full"): some_entries(tmp_path)}


def test_rows_of_every_section_are_exported(boards: BoardEntries) -> None:
    rows = list(exported_rows(boards))
    assert {row.section for row in rows} == {"measured", "controls", "scored"}
    assert {(row.protocol, row.tier, row.metric) for row in rows} == {("ucf101_ft", "full", "top1")}
    (lacking,) = (row for row in rows if row.backbone == "only_split_1")
    assert (lacking.rank, lacking.splits, lacking.missing) == (None, "1", "2 3")
    first = rows[0]
    assert (first.rank, first.weights, first.pretraining, first.labels) == (1, "videomae_k400", "Kinetics-400", False)
    assert first.low is not None
    assert first.low <= first.score <= (first.high or 0)
    assert first.top1_unleaked is None


def test_forms_have_the_same_rows(boards: BoardEntries) -> None:
    rows = json.loads(as_json(boards))
    listed = list(csv.DictReader(io.StringIO(as_csv(boards))))
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows] == listed
    measured = [row for row in rows if row["section"] == "measured"]
    latex = as_latex(boards)
    assert latex.count(r"\\") == len(measured) + 1
    assert latex.startswith("% ucf101_ft, full tier\n")
