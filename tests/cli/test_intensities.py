from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.records.some_intensities import some_intensities, write_reaction
from tta_bench.cli.results import print_results, shown
from tta_bench.records.store import read_record


def test_two_models_are_compared_by_r(tmp_path: Path, command: Callable[..., Any]) -> None:
    paths = [write_reaction(tmp_path, some_intensities(noise), backbone=f"net{noise}") for noise in (0.5, 3.0)]
    first, second = (read_record(path).metrics["pearson"].value for path in paths)
    done = command("compare", *paths)
    assert f"mean r: {first:.4f} and {second:.4f}, difference +{first - second:.4f}" in done.out
    assert "24 groups of 96 clips" in done.out
    assert "The two differ at 95 %." in done.out
    assert set(json.loads(command("compare", *paths, "--json").out)) == {"metric", "a", "b", "difference"}
    turned = command("compare", *paths[::-1])
    assert f"difference -{first - second:.4f}" in turned.out


def test_verify_says_what_it_recomputed_and_what_it_could_not(tmp_path: Path, command: Callable[..., Any]) -> None:
    write_reaction(tmp_path, some_intensities())
    hidden = write_reaction(tmp_path, some_intensities(), hidden=True, backbone="hidden")
    done = command("verify", tmp_path)
    assert done.code == 0
    assert "recomputed from predictions" in done.out
    assert f"{hidden.name}: verifiable with data.root" in done.out
    assert command("verify", hidden, "data.rot=x").code == 2
    assert command("verify", hidden, f"data.root={tmp_path / 'none'}").code == 2
    assert "there is no file gone.json" in command("verify", "gone.json").err


def test_a_run_is_printed_with_four_decimals(tmp_path: Path, capsys: Any) -> None:
    record = read_record(write_reaction(tmp_path / "records", some_intensities(), tier="sample"))
    print_results([record], tmp_path, as_json=False)
    metric = record.metrics["pearson"]
    out = capsys.readouterr().out
    assert f"{metric.value:.4f} [{metric.low:.4f}, {metric.high:.4f}]" in out
    assert "Emotion by emotion" in out
    assert shown("pearson", None) == ""


def test_an_undefined_r_is_reported(tmp_path: Path, capsys: Any) -> None:
    predictions = some_intensities()
    predictions.outputs[:, 5] = 0.5
    print_results([read_record(write_reaction(tmp_path / "records", predictions))], tmp_path, as_json=False)
    assert "counted as 0: Fear" in capsys.readouterr().err
