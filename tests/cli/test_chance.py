from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_records import some_predictions, write_success
from tta_bench.cli.chance import chance_lines
from tta_bench.engine.schedule import scaled
from tta_bench.records.store import read_record


def test_chance_of_classes_stands_beside_the_score(tmp_path: Path) -> None:
    record = read_record(write_success(tmp_path, some_predictions()))
    assert "chance 12.50%" in next(chance_lines(record, tmp_path))


def test_chance_of_a_correlation_is_none_at_all(tmp_path: Path) -> None:
    record = read_record(write_reaction(tmp_path, some_intensities()))
    assert "chance 0.0000" in next(chance_lines(record, tmp_path))


@pytest.mark.parametrize(("low", "high", "said"), [(0.0, 1.0, True), (0.999, 1.0, False)])
def test_a_score_whose_interval_holds_chance_never_left_it(tmp_path: Path, low: float, high: float, said: bool) -> None:
    record = read_record(write_success(tmp_path, some_predictions()))
    metric = record.metrics["top1"].model_copy(update={"low": low, "high": high})
    changed = record.model_copy(update={"metrics": {**record.metrics, "top1": metric}})
    assert ("it never left chance" in next(chance_lines(changed, tmp_path))) is said


@pytest.mark.parametrize(("lr", "batch"), [(5e-4, 16), (1e-3, 1024)])
def test_the_rate_is_that_of_the_batch(tmp_path: Path, lr: float, batch: int) -> None:
    train = {"lr": lr, "batch": batch, "views": 2}
    record = read_record(write_success(tmp_path, some_predictions(), resolved={"train": train}))
    *_, last = chance_lines(record, tmp_path)
    assert last == f"Effective learning rate: {lr:g} x {batch} / 256 = {scaled(lr, batch):.3g}."


def test_a_recipe_whose_rate_is_not_scaled_has_no_such_line(tmp_path: Path) -> None:
    train = {"lr": 1e-3, "batch": 8}
    record = read_record(write_reaction(tmp_path, some_intensities())).model_copy(update={"resolved": {"train": train}})
    assert len(list(chance_lines(record, tmp_path))) == 1
