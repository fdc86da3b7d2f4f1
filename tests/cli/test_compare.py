from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
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


def test_the_interval_is_called_by_its_name(tmp_path: Path, command: Callable[..., Any]) -> None:
    reactions = [write_reaction(tmp_path, some_intensities(noise), backbone=f"net{noise}") for noise in (0.5, 3.0)]
    actions = [written(tmp_path, f"net{level}", level) for level in (0.5, 0.9)]
    assert "96 clips: expanded percentiles of resampled groups, p from flipping" in command("compare", *reactions).out
    assert "96 clips: Newcombe's interval, p from flipping groups' signs" in command("compare", *actions).out


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


def written(folder: Path, name: str, accuracy: float, **how: Any) -> Path:
    identity = some_identity(backbone=name)
    return write_success(
        folder / "records", some_predictions(accuracy, **how), keep_predictions=True, identity=identity
    )


def page_of(folder: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("tta_bench.boards.collect.word_of", rescored)
    command("leaderboard", "--boards", folder, "--records", folder / "records")
    return " ".join((folder / "ucf101_ft.md").read_text().split())


def test_one_group_gives_no_interval_and_no_verdict(tmp_path: Path, command: Callable[..., Any]) -> None:
    done = command("compare", *(written(tmp_path, f"net{a}", a, groups=1, clips=24) for a in (0.2, 0.9)))
    assert done.code == 0
    assert "95 % interval none" in done.out
    assert "there is no interval, and no verdict" in done.out
    assert "The two differ" not in done.out


@pytest.mark.parametrize(("one", "other"), [(1.0, 1.0), (0.0, 0.0), (1.0, 0.0)])
def test_all_right_and_all_wrong_have_intervals_with_a_width(
    one: float, other: float, tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [written(tmp_path, f"net{place}", accuracy) for place, accuracy in enumerate((one, other))]
    told = json.loads(command("compare", *paths, "--json").out)["difference"]
    assert told["low"] <= told["value"] <= told["high"]
    assert told["high"] - told["low"] > 0.05
    page = page_of(tmp_path, command, monkeypatch)
    ends = {(float(low), float(high)) for low, high in re.findall(r"(\d+\.\d\d) to (\d+\.\d\d)", page)}
    assert all((100.0 if accuracy else 0.0) in {end for pair in ends for end in pair} for accuracy in (one, other))
    assert all(high - low > 5 for low, high in ends)


def test_records_of_different_test_lists_are_not_compared_and_what_they_share_is_counted(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    first = written(tmp_path, "one", 0.8)
    for name, how in (("shorter", {"groups": 20}), ("other", {"split": "2"})):
        done = command("compare", first, written(tmp_path, name, 0.8, **how))
        assert done.code == 2
        assert f"of which they share {80 if name == 'shorter' else 0}: only records of the same data" in done.err


def test_constant_intensities_have_an_r_of_0_and_are_named(tmp_path: Path, command: Callable[..., Any]) -> None:
    predictions = some_intensities(0.5)
    constant = replace(predictions, outputs=np.zeros_like(predictions.outputs))
    paths = [write_reaction(tmp_path, given, backbone=f"net{k}") for k, given in enumerate((constant, predictions))]
    assert "mean r: 0.0000 and" in command("compare", *paths).out
    assert len(read_record(paths[0]).undefined or ()) == predictions.outputs.shape[1]


def test_one_seed_says_that_the_luck_of_training_is_not_in_its_interval(
    tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "one", 0.8)
    page = page_of(tmp_path, command, monkeypatch)
    assert "where a row has several seeds it holds the luck of training too" in page
