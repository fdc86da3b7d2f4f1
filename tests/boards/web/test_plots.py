from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.records.some_records import some_predictions, write_success
from tta_bench.boards.web import plots
from tta_bench.experiments.common import RuntimeSettings
from tta_bench.records.store import read_record

PNG = b"\x89PNG\r\n\x1a\n"


def test_a_kept_test_has_its_matrix_beside_the_record(tmp_path: Path) -> None:
    file = write_success(tmp_path / "records", some_predictions(), keep_predictions=True)
    assert not list(plots.plot_all([read_record(file)], tmp_path))
    assert [path.name for path in file.parent.glob("*.png")] == [f"{file.stem}.confusion.png"]
    assert file.with_suffix(".confusion.png").read_bytes().startswith(PNG)


def test_pictures_are_drawn_anew_only_for_a_newer_record(tmp_path: Path) -> None:
    file = write_success(tmp_path / "records", some_predictions(), keep_predictions=True)
    picture = file.with_suffix(".confusion.png")
    assert not list(plots.plot_all([read_record(file)], tmp_path))
    for written, drawn in ((1, False), (3, True)):
        os.utime(file, (written, written))
        os.utime(picture, (2, 2))
        assert not list(plots.plot_all([read_record(file)], tmp_path))
        assert (picture.stat().st_mtime != 2) == drawn


@pytest.mark.parametrize("left", ["curves", "confusion"])
def test_a_drawing_that_was_killed_between_two_pictures_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    file = write_success(tmp_path / "records", some_predictions(), keep_predictions=True)
    steps = [{"step": step, "loss": 1.0, "grad_norm": 1.0, "lr": 0.1} for step in range(3)]
    monkeypatch.setattr(plots, "log_of", lambda *_: (steps, []))
    assert not list(plots.plot_all([read_record(file)], tmp_path))
    drawn = {name: file.with_suffix(f".{name}.png") for name in ("curves", "confusion")}
    before = drawn[left].stat().st_mtime_ns
    drawn["confusion" if left == "curves" else "curves"].unlink()
    assert not list(plots.plot_all([read_record(file)], tmp_path))
    assert all(picture.is_file() for picture in drawn.values())
    assert drawn[left].stat().st_mtime_ns == before


def test_only_what_was_logged_has_a_panel() -> None:
    few = [{"step": step, "loss": 1.0} for step in range(3)]
    more = [{**line, "grad_norm": 1.0, "lr": 0.1, "knn": 0.5} for line in few]
    heights = [int.from_bytes(plots.curves_png(steps)[20:24]) for steps in (few, more)]
    assert heights == [200, 800]


@pytest.mark.parametrize("loss", [0.5, float("nan")])
def test_curves_are_drawn_of_any_figures(loss: float) -> None:
    steps = [{"step": step, "loss": loss, "grad_norm": 1.0, "lr": 0.1} for step in range(3)]
    assert plots.curves_png(steps).startswith(PNG)


@pytest.mark.parametrize("names", [["a$_{", "<b>"], [f"class {n}" for n in range(30)]])
def test_names_of_classes_are_text(names: list[str]) -> None:
    assert plots.confusion_png(np.eye(len(names), dtype=np.int64), names).startswith(PNG)


@pytest.mark.parametrize("error", [ImportError("no matplotlib"), ValueError("first\nsecond")])
def test_a_picture_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    file = write_success(tmp_path / "records", some_predictions(), keep_predictions=True)

    def fail(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(plots, "confusion_png", fail)
    (line,) = plots.plot_all([read_record(file)], tmp_path)
    assert line.startswith(f"no pictures of {file.stem}: {str(error)[:5]}")
    assert "\n" not in line


@pytest.mark.parametrize(("wanted", "quiet", "count"), [(True, False, 1), (False, False, 0), (True, True, 0)])
def test_a_run_draws_where_that_is_wanted_and_by_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool, quiet: bool, count: int
) -> None:
    file = write_success(tmp_path / "records", some_predictions(), keep_predictions=True)
    monkeypatch.setattr(plots.console, "quiet", quiet)
    runtime = RuntimeSettings(plots=wanted)
    ready = SimpleNamespace(experiment=SimpleNamespace(runtime=runtime), work_dir=tmp_path)
    records = plots.with_pictures(lambda _: [read_record(file)])(ready)  # type: ignore[type-var]
    assert len(records) == 1
    assert len(list(file.parent.glob("*.png"))) == count
