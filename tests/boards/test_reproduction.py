from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_records import some_environment, some_identity, some_predictions, write_success
from tta_bench.boards.reproduction import reproduction
from tta_bench.errors import UserError


def test_the_same_run_on_another_machine(tmp_path: Path) -> None:
    recorded = write_success(tmp_path / "a", some_predictions(0.8))
    elsewhere = some_environment().model_copy(update={"packages": {"torch": "2.16.0", "timm": "1.0"}})
    again = write_success(tmp_path / "b", some_predictions(0.6), environment=elsewhere)
    found = reproduction(recorded, again)
    lines = [" ".join(line.replace("|", " ").split()) for line in found.report.splitlines()]
    percent = next(line for line in lines if line.startswith("top-1 %")).split()
    assert float(percent[-1]) == pytest.approx(100 * found.difference, abs=0.005)
    assert float(percent[-1]) == pytest.approx(float(percent[-2]) - float(percent[-3]), abs=0.011)
    assert "torch 2.15.0 2.16.0 differs" in lines
    assert "timm - 1.0 differs" in lines
    assert "python 3.11.7 3.11.7" in lines
    assert lines[-1].startswith("The two are the same experiment: run key")
    assert any("of 96 clips have another result" in line for line in lines)


def test_an_exact_repetition(tmp_path: Path) -> None:
    paths = [write_success(tmp_path / name, some_predictions()) for name in "ab"]
    found = reproduction(*paths)
    assert found.difference == 0
    assert "0 of 96 clips have another result" in found.report
    assert "differs" not in found.report


def test_another_experiment_is_said_to_be_one(tmp_path: Path) -> None:
    recorded = write_success(tmp_path / "a", some_predictions())
    again = write_success(
        tmp_path / "b", some_predictions(), identity=some_identity(seed=1), resolved={"train": {"lr": 1.0}}
    )
    text = " ".join(reproduction(recorded, again).report.replace("|", " ").split("The two are not")[1].split())
    assert "seed 0 1 differs" in text
    assert "settings.train.lr 0.0005 1.0 differs" in text
    assert "backbone" not in text


def test_other_clips_cannot_be_compared(tmp_path: Path) -> None:
    recorded = write_success(tmp_path / "a", some_predictions())
    again = write_success(tmp_path / "b", some_predictions(split="2"))
    with pytest.raises(UserError, match="only records of the same data and split"):
        reproduction(recorded, again)


def test_a_run_and_its_repetition(tmp_path: Path) -> None:
    paths = [write_reaction(tmp_path / name, some_intensities()) for name in "ab"]
    found = reproduction(*paths)
    assert found.difference == 0
    assert "Over the same 96 clips mean r differs by 0.0000 (95 % 0.0000 to 0.0000)" in found.report
    other = write_reaction(tmp_path / "c", some_intensities(3.0))
    assert reproduction(paths[0], other).difference < 0
    assert "mean r differs by -" in reproduction(paths[0], other).report
