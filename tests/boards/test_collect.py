from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.boards.collect import collect_entries
from tta_bench.boards.export import all_boards
from tta_bench.boards.flat_rows import as_csv
from tta_bench.boards.write import check_boards, update_boards
from tta_bench.records.store import content_sha256, read_record, write_record
from tta_bench.utils.files import sha256_of


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    """A folder of boards with one record, and nothing published."""
    write_success(tmp_path / "records", some_predictions(0.8))
    (tmp_path / "published").mkdir()
    return tmp_path


def seal(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a record's file and make its digest fit again."""
    data = json.loads(path.read_text())
    change(data)
    data["content_sha256"] = content_sha256(data)
    path.write_text(json.dumps(data))


def bad_outcomes(path: Path, **arrays: Any) -> None:
    """Put other arrays into a record's outcomes, and seal both."""
    outcomes = path.parent / read_record(path).outcomes.name  # type: ignore[union-attr]
    with np.load(outcomes) as there:
        content = {name: there[name] for name in there.files} | arrays
    np.savez(outcomes, **content)
    seal(path, lambda data: data["outcomes"].update(sha256=sha256_of(outcomes)))


def bad_time(path: Path) -> None:
    started = write_record(some_record(identity=some_identity(backbone="bad")), path.parent)
    seal(started, lambda data: data.update(heartbeat="2026-99-99T00:00:00Z"))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "nested": lambda path: path.write_text("[" * 100_000),
    "surrogate": lambda path: path.write_text(path.read_text().replace("fp32", "\\ud800")),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "time": bad_time,
    "npz of nothing": lambda path: bad_outcomes(path, keys=np.zeros(0, np.uint64)),
    "npz of text": lambda path: bad_outcomes(path, groups=np.array(["a"] * 96)),
    "npz of too few": lambda path: bad_outcomes(path, keys=np.arange(3, dtype=np.uint64)),
    "npz of two dimensions": lambda path: bad_outcomes(path, keys=np.zeros((96, 2), np.uint64)),
    "npz of objects": lambda path: bad_outcomes(path, keys=np.array([None] * 96, dtype=object)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_one_bad_record_stops_neither_boards_nor_exports(boards: Path, damage: str) -> None:
    (good,) = update_boards([boards / "records"], boards, boards)[0]
    before = good.read_bytes()
    path = write_success(boards / "records", some_predictions(0.4), identity=some_identity(backbone="bad"))
    DAMAGES[damage](path)
    paths, problems = update_boards([boards / "records"], boards, boards)
    assert paths == [good]
    assert good.read_bytes() == before
    assert len(problems) == 1
    assert "bad" in problems[0]
    assert "Traceback" not in problems[0]
    assert check_boards([boards / "records"], boards, boards) == problems
    collected = collect_entries([boards / "records"], boards, boards)
    assert collected.problems == problems
    assert as_csv(all_boards(collected, {})).count("\n") == 2


def test_problems_and_texts_of_records_reach_no_terminal_unescaped(boards: Path) -> None:
    path = write_success(boards / "records", some_predictions(0.4), identity=some_identity(backbone="bad"))
    seal(path, lambda data: data["identity"].update(split="\x1b[31m"))
    (problem,) = collect_entries([boards / "records"], boards, boards).problems
    assert "\x1b" not in problem
