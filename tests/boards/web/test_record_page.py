from __future__ import annotations

from pathlib import Path

import pytest

from tests.boards.test_sections import read_entries, some_entries
from tests.records.some_records import some_identity, some_predictions, write_success
from tta_bench.boards.rows import Entry
from tta_bench.boards.web.record_page import controls_by_run, record_values, run_key, title_of


@pytest.fixture
def entries(tmp_path: Path) -> list[Entry]:
    entries = some_entries(tmp_path)
    write_success(
        tmp_path, some_predictions(0.9), keep_predictions=True, identity=some_identity(backbone="with_predictions")
    )
    control = some_identity(backbone="with_predictions", control="frozen")
    write_success(tmp_path, some_predictions(0.2), identity=control)
    return entries + [entry for entry in read_entries(tmp_path) if "with_predictions" in entry.link]


def named(entries: list[Entry], backbone: str, control: str = "none") -> Entry:
    found = [e for e in entries if (e.record.identity.backbone, e.record.identity.control) == (backbone, control)]
    return found[0]


def test_a_record_shows_figures_classes_matrix_and_the_way_to_reproduce(tmp_path: Path, entries: list[Entry]) -> None:
    entry = named(entries, "with_predictions")
    values = record_values(entry, tmp_path / Path(entry.link).name, controls_by_run(entries))
    assert values["score"] == f"{100 * entry.record.metrics['top1'].value:.2f}"
    assert all(name in values["classes"] for name in entry.record.per_class)
    assert values["matrix"].startswith("<svg")
    assert "tta-bench run" in values["script"]
    assert [other.record.identity.control for other, _ in values["controls"]] == ["frozen"]
    assert values["meaning"].startswith("follows from outcomes")


def test_without_predictions_there_is_no_matrix(tmp_path: Path, entries: list[Entry]) -> None:
    entry = named(entries, "with_predictions")
    assert entry.record.predictions is not None
    (tmp_path / entry.record.predictions.name).write_bytes(b"damaged")
    assert record_values(entry, tmp_path / Path(entry.link).name, controls_by_run(entries))["matrix"] == ""
    (tmp_path / entry.record.predictions.name).unlink()
    assert record_values(entry, tmp_path / Path(entry.link).name, controls_by_run(entries))["matrix"] == ""


def test_a_failed_run_has_a_page_too(tmp_path: Path, entries: list[Entry]) -> None:
    entry = named(entries, "unlucky")
    values = record_values(entry, tmp_path / Path(entry.link).name, controls_by_run(entries))
    assert values["figures"] == []
    assert values["classes"] == ""
    assert values["score"] == "-"


def test_controls_have_no_controls(entries: list[Entry]) -> None:
    frozen = named(entries, "videomaev2_vit_b", "frozen")
    assert frozen in controls_by_run(entries)[run_key(frozen.record)]
    assert record_values(frozen, Path(frozen.link), controls_by_run(entries))["controls"] == []
    assert "frozen clips" in title_of(named(entries, "videomaev2_vit_b", "frozen").record)
