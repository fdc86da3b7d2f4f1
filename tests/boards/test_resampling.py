from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.boards.some_rows import THREE, Folder
from tests.records.some_records import some_predictions
from tta_bench.boards.resampling import comparable, resample_rows
from tta_bench.boards.rows import Row, sort_into_sections
from tta_bench.records.predictions import Outcomes


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_contributions_of_a_share_are_each_groups_hits(folder: Folder) -> None:
    row = folder.row(0.8)
    (outcomes,) = (entry.outcomes for entry in row.entries)
    assert isinstance(outcomes, Outcomes)
    (alike,) = comparable([row], "top1")
    parts, noise = alike.contributions()
    _, group = np.unique(outcomes.groups, return_inverse=True)
    assert parts[:, 0] == pytest.approx(np.bincount(group, weights=outcomes.ranks == 0) / len(group))
    assert noise is None


@pytest.mark.parametrize("name", ["top1", "top5", "mean_class"])
def test_contributions_add_up_to_the_score(folder: Folder, name: str) -> None:
    row = folder.row(0.7, "123", THREE)
    (alike,) = comparable([row], name)
    parts, _ = alike.contributions()
    assert parts.sum() == pytest.approx(row.mean(name), abs=0.002)


def rows_of(folder: Folder, *levels: tuple[float, ...]) -> list[Row]:
    """Return rows of backbones that have these accuracies, one a seed."""
    runs = [
        folder.entry(some_predictions(level), backbone=f"net{number}", seed=seed)
        for number, seeds in enumerate(levels)
        for seed, level in enumerate(seeds)
    ]
    return sort_into_sections(runs).measured


def test_variance_of_seeds_is_unbiased_and_pooled(folder: Folder) -> None:
    rows = rows_of(folder, (0.5, 0.7), (0.6, 0.8, 0.9), (0.4,))
    drawn = resample_rows(comparable(rows, "top1"))
    found = [drawn[row] for row in rows]
    scores = [[entry.record.metrics["top1"].value for entry in row.entries] for row in rows]
    pooled = sum(np.var(seeds) * len(seeds) for seeds in scores) / 3
    assert [drawn.noise for drawn in found] == pytest.approx([pooled / 2, pooled / 3, 0])
    assert [drawn.freedom for drawn in found] == [3, 3, 3]


def test_an_interval_of_alike_seeds_is_that_of_the_groups(folder: Folder) -> None:
    drawn = [resample_rows(comparable(rows_of(folder, seeds), "top1")) for seeds in ((0.7,), (0.7, 0.7, 0.7))]
    (one,), (three,) = (found.values() for found in drawn)
    assert three.interval(0.7) == pytest.approx(one.interval(0.7), abs=2e-3)
    noisy = three._replace(noise=0.0009, freedom=2)
    low, high = noisy.interval(0.7)
    assert high - low > three.interval(0.7)[1] - three.interval(0.7)[0] + 0.02
