from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.boards.conftest import known_words
from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_records import some_identity, some_predictions, write_success
from tta_bench.cli.results import mean, print_differences, print_results, runs_of, shown, trained_share
from tta_bench.records.schema import Cost, Record
from tta_bench.records.store import read_record

__all__ = ["known_words"]


def records(folder: Path, *runs: tuple[str, int]) -> list[Record]:
    return [
        read_record(
            write_success(folder, some_predictions(salt=f"{run}"), identity=some_identity(split=run[0], seed=run[1]))
        )
        for run in runs
    ]


def test_several_runs_have_a_mean_that_says_of_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = records(tmp_path / "records", ("1", 0), ("2", 0), ("3", 0))
    assert runs_of(found) == "1, 2, 3 / 0"
    print_results(found, tmp_path, as_json=False)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| mean"))
    average = sum(record.metrics["top1"].value for record in found) / 3
    assert [cell.strip() for cell in line.split("|")[1:5]] == ["mean", "1, 2, 3 / 0", "none", f"{average:.2%}"]


def test_splits_and_seeds_are_named_once(tmp_path: Path) -> None:
    assert runs_of(records(tmp_path, ("1", 0), ("1", 1), ("2", 0), ("2", 1))) == "1, 2 / 0, 1"


def test_a_metric_that_not_all_have_has_no_mean(tmp_path: Path) -> None:
    assert mean(records(tmp_path, ("1", 0)), "top1_unleaked") == ""


def test_a_run_is_printed_with_four_decimals(tmp_path: Path, capsys: Any) -> None:
    record = read_record(write_reaction(tmp_path / "records", some_intensities(), tier="sample"))
    print_results([record], tmp_path, as_json=False)
    metric = record.metrics["pearson"]
    out = capsys.readouterr().out
    assert f"{metric.value:.4f} [{metric.low:.4f}, {metric.high:.4f}]" in out
    assert out.splitlines()[-1] == f"This board is {tmp_path / 'leaderboards' / 'sample' / 'abaw_eri.md'}."
    assert shown("pearson", None) == ""


def test_an_undefined_r_is_reported(tmp_path: Path, capsys: Any) -> None:
    predictions = some_intensities()
    predictions.outputs[:, 5] = 0.5
    print_results([read_record(write_reaction(tmp_path / "records", predictions))], tmp_path, as_json=False)
    assert "counted as 0: Fear" in capsys.readouterr().err


def test_the_last_line_says_which_data_are_not_official(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = records(tmp_path / "records", ("1", 0))
    data = whole[0].identity.dataset.model_copy(update={"differs": "3 of 4 official test clips"})
    identity = whole[0].identity.model_copy(update={"dataset": data, "standard": False})
    cut = [whole[0].model_copy(update={"identity": identity})] * 2
    print_results([*whole, *cut], tmp_path, as_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == "not standard: 3 of 4 official test clips."
    print_results(cut, tmp_path, as_json=True)
    said = capsys.readouterr()
    assert len(json.loads(said.out)) == 2
    assert said.err.splitlines() == ["not standard: 3 of 4 official test clips."]
    print_differences(whole)
    assert not capsys.readouterr().out


def test_the_own_row_stands_last_with_its_board_and_no_published_figure(tmp_path: Path, capsys: Any) -> None:
    found = records(tmp_path / "records", ("1", 0))
    print_results(found, tmp_path, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"This board is {tmp_path / 'leaderboards' / 'ucf101_ft.md'}."
    assert lines[-3].startswith("->")
    assert "videomaev2_vit_b" in lines[-3]
    assert len(lines) < 12


@pytest.mark.parametrize(("trained", "share"), [(250, "25.0%"), (0, "0.0%"), (999, "99.9%")])
def test_the_last_lines_say_what_share_of_a_partly_frozen_network_was_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], trained: int, share: str
) -> None:
    (whole,) = records(tmp_path / "records", ("1", 0))
    assert trained_share(whole) == ""
    part = whole.model_copy(update={"cost": Cost(parameters=1000, trained=trained, gmacs_per_view=None, views=1)})
    print_differences([part, part])
    (line,) = capsys.readouterr().out.splitlines()
    assert f"{trained:,} of 1,000 parameters ({share}) were trained" in line
