from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.records.some_intensities import some_intensities, write_reaction
from tta_bench.records.store import read_record


def test_two_models_are_compared_by_r(tmp_path: Path, command: Callable[..., Any]) -> None:
    paths = [write_reaction(tmp_path, some_intensities(noise), backbone=f"net{noise}") for noise in (0.5, 3.0)]
    first, second = (read_record(path).metrics["pearson"].value for path in paths)
    done = command("compare", *paths)
    assert f"mean r: {first:.4f} and {second:.4f}, difference +{first - second:.4f}" in done.out
    assert "24 groups of 96 clips" in done.out
    assert "The two differ at 95 %." in done.out
    told = json.loads(command("compare", *paths, "--json").out)
    assert set(told) == {"metric", "a", "b", "difference"}
    assert {"value", "low", "high", "p", "n", "n_groups"} == set(told["difference"])
    turned = command("compare", *paths[::-1])
    assert f"difference -{first - second:.4f}" in turned.out


def test_several_are_compared_at_once(tmp_path: Path, command: Callable[..., Any]) -> None:
    paths = [write_reaction(tmp_path, some_intensities(noise), backbone=f"net{noise}") for noise in (0.5, 3.0, 0.6)]
    done = command("compare", *paths)
    assert "Adjusted for all 3 pairs at once" in done.out
    assert "| 1 - 2  |" in done.out
    assert "rank" in done.out
    told = json.loads(command("compare", *paths, "--json").out)
    assert told["simultaneous"] is True
    assert [(pair["a"], pair["b"]) for pair in told["pairs"]] == [(0, 1), (0, 2), (1, 2)]
    assert told["records"][1]["rank"] == told["records"][1]["lowest"] == 3
    two = json.loads(command("compare", paths[0], paths[1], "--json").out)["difference"]
    first = told["pairs"][0]
    assert first["low"] < two["low"] < two["high"] < first["high"]
    assert first["p"] >= two["p"]


def test_one_record_is_no_comparison(tmp_path: Path, command: Callable[..., Any]) -> None:
    path = write_reaction(tmp_path, some_intensities(0.5), backbone="net")
    done = command("compare", path)
    assert done.code == 2
    assert "a comparison is of two records or more, and 1 is given" in done.err
