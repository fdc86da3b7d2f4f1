from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.records.some_records import some_identity, some_predictions, write_success
from tta_bench.boards.collect import collect_entries
from tta_bench.boards.overlaps import overlaps_in_words, read_findings
from tta_bench.boards.rows import Row, sort_into_sections
from tta_bench.boards.write import update_boards
from tta_bench.cards.kinds import Pretraining
from tta_bench.records.identity import WeightsRef
from tta_bench.records.overlap import FOLDER, Overlap

PREDICTIONS = some_predictions(0.8)


def boards(
    folder: Path, overlapping: list[str], corpus: str = "kinetics400", data: str = "Kinetics-400", **changes: Any
) -> Path:
    """Return a folder of boards with one record, pre-trained on some data, and findings."""
    weights = WeightsRef(name="w", sha256="0" * 64, pretraining=Pretraining(data=data, labels=None))
    identity = some_identity(weights=weights)
    write_success(folder / "records", PREDICTIONS, identity=identity, **changes)
    (folder / "published").mkdir()
    (folder / FOLDER).mkdir()
    found = {"corpora": [corpus, identity.dataset.name], "clips": [9, 96], "overlapping": overlapping, "seconds": {}}
    (folder / FOLDER / "found.json").write_text(json.dumps(found))
    return folder


def words(folder: Path) -> list[str]:
    (listed,) = collect_entries([folder / "records"], folder, folder).entries.values()
    rows: list[Row] = sort_into_sections(listed).measured
    return list(overlaps_in_words(rows))


@pytest.mark.parametrize("count", [1, 7])
def test_a_row_says_how_many_test_clips_were_seen_and_top_1_without_them(count: int, tmp_path: Path) -> None:
    seen = PREDICTIONS.ids[:count].tolist()
    [said] = words(folder := boards(tmp_path, [*seen, "not of this list"]))
    right = PREDICTIONS.scores.argmax(axis=1) == PREDICTIONS.labels
    assert f"{count} of {len(right)} test clips are near-duplicates of clips of kinetics400" in said
    assert f"top-1 without them is {np.mean(right[count:]):.2%}, with them {np.mean(right):.2%}." in said
    (page, *_), problems = update_boards([folder / "records"], folder, folder)
    assert not problems
    assert said.partition(": ")[2] in " ".join(page.read_text().split())


def test_none_found_is_said_and_other_data_are_not_spoken_of(tmp_path: Path) -> None:
    [said] = words(boards(tmp_path / "none", []))
    assert said.endswith("0 of 96 test clips are near-duplicates of clips of kinetics400.")
    assert words(boards(tmp_path / "other", [], corpus="tiktok_actions")) == []
    assert words(boards(tmp_path / "unknown", [], corpus="...")) == []


@pytest.mark.parametrize("clips", [0, 5])
def test_without_findings_the_number_is_the_records(clips: int, tmp_path: Path) -> None:
    recorded = Overlap(corpus="k710", clips=clips, of=96, sha256="1" * 64)
    [said] = words(folder := boards(tmp_path / "here", [], corpus="another", overlap=recorded))
    assert f"{clips} of 96 test clips are near-duplicates of clips of k710, as its records say" in said
    (page, *_), problems = update_boards([folder / "records"], folder, folder)
    assert not problems
    assert "top-1 is not known without them" in " ".join(page.read_text().split())
    [named] = words(boards(tmp_path / "both", PREDICTIONS.ids[:3].tolist(), overlap=recorded))
    assert "3 of 96 test clips are near-duplicates of clips of kinetics400; top-1 without them" in named


@pytest.mark.parametrize("content", ["{", '{"corpora": ["a"]}', "[]"])
def test_a_file_that_holds_no_findings_is_named(content: str, tmp_path: Path) -> None:
    folder = boards(tmp_path, [])
    (folder / FOLDER / "bad.json").write_text(content)
    found, [problem] = read_findings([folder, folder])
    assert len(found) == 1
    assert "bad.json" in problem
    _, problems = update_boards([folder / "records"], folder, folder)
    assert any("bad.json" in said for said in problems)
