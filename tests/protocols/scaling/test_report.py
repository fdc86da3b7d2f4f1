from __future__ import annotations

import json

import numpy as np
import pytest

from tta_bench.protocols.scaling.curve import NotIdentifiable, Saturation
from tta_bench.protocols.scaling.report import Point, Study, as_json, markdown, summarize
from tta_bench.utils.keyed_random import generator

GROUPS = np.arange(600) // 5


def study(accuracies: dict[int, float], seeds: tuple[int, ...] = (0, 1, 2), caution: str = "") -> Study:
    """A study whose larger sizes get right what smaller ones do, and more."""
    points = []
    for size, accuracy in accuracies.items():
        for seed in seeds:
            hits = generator("ease", seed).random(600) < accuracy
            points.append(Point(size, seed, float(hits.mean()), 0.5 if size else None, f"run-{size}-{seed}", hits))
    return summarize(points[::-1], GROUPS, title="study", steps=40, batch=16, then="judge", caution=caution)


SATURATING = {size: 0.9 - 0.4 * (size / 16) ** -0.8 for size in (16, 32, 64, 128, 256)}


def test_points_become_levels() -> None:
    found = study({0: 0.3, **SATURATING})
    assert [level.size for level in found.levels] == [0, 16, 32, 64, 128, 256]
    assert [level.epochs for level in found.levels] == [0, 40, 20, 10, 5, 2.5]
    assert all(level.accuracy.low <= level.accuracy.value <= level.accuracy.high for level in found.levels)
    assert found.levels[1].accuracy.value == pytest.approx(np.mean(found.levels[1].values))
    assert found.levels[1].accuracy.n_groups == 120
    assert found.levels[0].losses == ()
    assert isinstance(found.fit, Saturation)
    assert found.sufficient.size in (None, 128, 256)
    assert 0 not in found.sufficient.bounds


def test_the_page_says_all_of_it() -> None:
    text = markdown(study({0: 0.3, **SATURATING}, caution="Made up."))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 6
    assert rows[1].startswith("| none |  | 3 | ")
    assert rows[2].startswith("| 16 | 40.0 | 3 | ")
    assert "Made up." in text
    assert "rougher" not in text
    assert "levelling off at" in text
    assert "one-sided 95 % bounds from groups and seeds: 16: +" in text
    assert "pooled over the sizes" in text


def test_points_without_a_curve() -> None:
    found = study(dict.fromkeys((16, 32, 64, 128), 0.5))
    assert isinstance(found.fit, NotIdentifiable)
    assert "Curve: not identifiable: a constant fits as well" in markdown(found)
    assert found.sufficient.size is None
    assert study({16: 0.5}).sufficient.size is None
    assert "cannot be told; there is one size" in markdown(study({16: 0.5}))


def test_one_seed_names_no_size_and_says_what_would() -> None:
    text = markdown(study(dict.fromkeys((16, 32, 64, 128), 0.5), seeds=(0,)))
    assert "Smallest size within 1 point of the largest: cannot be told; one seed says nothing" in text
    assert "needed: 3 seeds or more of every size" in text
    assert "One seed: the luck of training is not in it." in text
    assert "bounds from groups alone" in text


def test_one_group_says_nothing_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.protocols.scaling.test_report.GROUPS", np.zeros(600, int))
    found = study({16: 0.5, 32: 0.5})
    assert {(level.accuracy.low, level.accuracy.high) for level in found.levels} == {(0.0, 1.0)}
    assert "cannot be told; all test clips are of one group" in markdown(found)
    json.dumps(as_json(found), allow_nan=False)


def test_the_largest_itself() -> None:
    assert "128 itself" in markdown(study({16: 0.3, 64: 0.5, 128: 0.9}))


def test_figures_as_json() -> None:
    for found in (study(SATURATING), study({16: 0.5})):
        data = json.loads(json.dumps(as_json(found), allow_nan=False))
        assert len(data["points"]) == 3 * len(found.levels)
        assert {"not_identifiable"} == set(data["fit"]) or "asymptote" in data["fit"]
