"""Records of earlier versions, as runs wrote them: each must load, and give its figures again to the last digit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.records.store import read_record
from tta_bench.records.verify import verify_record

OLD = sorted((Path(__file__).parent / "old").glob("v*.json"))


def test_there_is_one_of_every_version() -> None:
    assert [path.name for path in OLD if path.name.startswith("v1_")]


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_an_old_record_loads_and_is_still_true(path: Path) -> None:
    record = read_record(path)
    assert record.status == "success"
    assert verify_record(record, path.parent) == ("predictions", [])
