from __future__ import annotations

import sys

import pytest

from tests.records.some_records import some_identity, some_record
from tta_bench.boards.write import official_folder
from tta_bench.errors import UserError
from tta_bench.records.schema import Record
from tta_bench.records.store import read_record, record_files
from tta_bench.records.views import Records, row_of

HOSTILE = ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", 'a" onclick="b', "\x1b[31mred", "x" * 10_000)


HOSTILE_PARTS = ("<script", "<img", '" onclick="', "\x1b")


def finished() -> Record:
    """Return a record of the suite's own that ended."""
    files = record_files(official_folder() / "records")
    return read_record(next(file for file in files if "ucf101_ft__" in file.name and "seed0__" in file.name))


def test_a_record_is_one_short_line_with_its_score() -> None:
    record = finished()
    assert record.score == record.metrics["top1"]
    assert repr(record) == (
        f"<Record ucf101_ft {record.identity.backbone} split 1 seed 0: success top1 {record.score.value:.4f}>"
    )


def test_a_record_that_has_not_ended_has_no_score() -> None:
    record = some_record()
    assert record.score is None
    assert repr(record) == "<Record ucf101_ft videomaev2_vit_b split 1 seed 0: started>"


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_as_text(name: str) -> None:
    record = some_record().model_copy(update={"identity": some_identity().model_copy(update={"backbone": name})})
    for shown in (record._repr_html_(), Records([record])._repr_html_()):
        assert not [part for part in HOSTILE_PARTS if part in shown]
        assert len(shown) < 3000
    assert len(repr(record)) < 250
    assert "\x1b" not in repr(record)


def test_records_become_a_frame() -> None:
    records = Records([finished(), finished()])
    found = records.to_frame()
    assert list(found["score"]) == [records[0].metrics["top1"].value] * 2
    assert list(found.columns) == list(row_of(records[0]))
    assert records._repr_html_().count("<tr>") == 3


def test_without_pandas_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match="pandas, which is not installed"):
        Records([some_record()]).to_frame()
