from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.records.some_records import some_predictions, write_success
from tta_bench.records.plausible import check_name, implausible
from tta_bench.records.schema import FileRef
from tta_bench.records.store import read_record


def test_an_honest_record_is_plausible(tmp_path: Path) -> None:
    path = write_success(tmp_path, some_predictions(), keep_predictions=True)
    assert implausible(read_record(path)) == []
    assert check_name(read_record(path), path) is None
    assert "it is not called what its content says" in str(check_name(read_record(path), tmp_path / "other.json"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"created": "2027-01-01T00:00:00Z"}, "dates: it finished at 2026-11-22T11:00:00Z, before it began"),
        ({"finished": "2999-01-01T00:00:00Z"}, "which is not yet"),
        ({"outcomes": FileRef(name="other.outcomes.npz", sha256="a" * 64)}, "outcomes: other.outcomes.npz is no file"),
        ({"predictions": FileRef(name="other.json", sha256="a" * 64)}, "predictions: other.json is no file of this"),
        ({"given": ("protocol=ucf101_ft", "eval.segments=1")}, "what is locked was changed (eval.segments=1)"),
        ({"given": ("limit=40",)}, "what is locked was changed (limit=40)"),
        ({"resolved": {"limit": 40}}, "what is locked was changed (limit=40)"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    record = read_record(write_success(tmp_path, some_predictions())).model_copy(update=changes)
    (problem,) = implausible(record)
    assert named in problem


def test_a_clock_may_be_set_back(tmp_path: Path) -> None:
    record = read_record(write_success(tmp_path, some_predictions(), created="2026-11-23T01:00:00Z"))
    assert implausible(record) == []
