from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.boards.conftest import rescored
from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_records import DIGEST, some_identity, some_predictions, write_success
from tta_bench.records.identity import ProtocolRef
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


def test_two_protocols_are_compared_by_the_order_of_backbones(
    tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tta_bench.boards.collect.word_of", rescored)
    for protocol in ("ucf101_knn", "ucf101_ft"):
        for number in range(4):
            identity = some_identity(
                protocol=ProtocolRef(name=protocol, version=1, sha256=DIGEST, score="top1"), backbone=f"net{number}"
            )
            predictions = some_predictions(0.2 + number / 5)
            write_success(tmp_path / "records", predictions, keep_predictions=True, identity=identity)
    words = ("compare", "--protocols", "ucf101_knn", "ucf101_ft", "--records", tmp_path)
    done = command(*words)
    assert "Spearman's rank correlation +1.000 over 4 backbones in common" in done.out
    assert "bootstrap over backbones and groups of test clips" in done.out
    told = json.loads(command(*words, "--json").out)
    assert (told["full"]["rho"], len(told["full"]["pairs"]), told["sample"]["rho"]) == (1.0, 4, None)
    few = command("compare", "--protocols", "ucf101_knn", "hmdb51_ft", "--records", tmp_path)
    assert "it cannot be said" in few.out


def test_records_or_protocols_are_named(tmp_path: Path, command: Callable[..., Any]) -> None:
    assert command("compare").code == 2
    unknown = command("compare", "--protocols", "ucf101_knn", "ucf101_ff", "--records", tmp_path)
    assert (unknown.code, "ucf101_ft" in unknown.err) == (2, True)


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
