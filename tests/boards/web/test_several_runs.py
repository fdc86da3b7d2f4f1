from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.boards.web.several_runs import forest_of_runs, pairs
from tta_bench.records.store import read_record


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        write_success(tmp_path, some_predictions(share), identity=some_identity(backbone=name))
        for name, share in (("good_net", 0.95), ("bad_net", 0.2))
    ]


def drawn(address: str) -> str:
    assert address.startswith("data:image/svg+xml;base64,")
    return base64.b64decode(address.partition(",")[2]).decode()


def test_runs_are_drawn_by_their_numbers(files: list[Path]) -> None:
    records = [read_record(file) for file in files]
    picture = drawn(forest_of_runs([records[0], some_record(), records[1]]))
    assert "1. good_net" in picture
    assert "3. bad_net" in picture
    assert "2. " not in picture  # it has no score
    assert picture.count("<circle") == 2


def test_what_cannot_be_compared_has_an_axis_of_its_own(tmp_path: Path, files: list[Path]) -> None:
    reaction = read_record(write_reaction(tmp_path / "r", some_intensities()))
    picture = drawn(forest_of_runs([*(read_record(file) for file in files), reaction]))
    assert picture.count("top-1 %") == picture.count("mean r") == 1


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_scores_are_not_drawn(files: list[Path], count: int) -> None:
    assert forest_of_runs([*(read_record(file) for file in files[:count]), some_record()]) == ""


def test_pairs_are_signed_and_say_if_they_are_apart(files: list[Path]) -> None:
    table = pairs(files)
    assert table[0][0]["words"] == ""
    assert table[0][1]["words"].startswith("+")
    assert table[1][0]["words"].startswith("-")
    assert table[0][1]["apart"] is table[1][0]["apart"] is True
