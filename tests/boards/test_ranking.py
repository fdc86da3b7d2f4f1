from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.boards.some_rows import THREE, Folder, entries, entry
from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_records import some_predictions
from tta_bench.boards.ranking import rank_rows
from tta_bench.boards.rows import Entry, Row, Sections, sort_into_sections
from tta_bench.metrics.accuracy import drawn_means
from tta_bench.metrics.intervals import group_bootstrap
from tta_bench.metrics.proportions import Hits, ends


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_row_of_one_run_has_the_interval_of_its_record(folder: Folder) -> None:
    (standing,) = rank_rows([folder.row(0.7)], "top1")
    metric = standing.row.first.metrics["top1"]
    assert standing[1:5] == (metric.value, metric.low, metric.high, metric.n_groups)


def test_three_splits_of_one_seed_are_the_bootstrap_with_splits_as_cells(folder: Folder) -> None:
    (standing,) = rank_rows([folder.row(0.7, "123", THREE)], "top1")
    outcomes = [entry.outcomes for entry in standing.row.entries]
    hits = np.concatenate([found.ranks == 0 for found in outcomes if found])
    groups = np.concatenate([found.groups for found in outcomes if found])
    splits = np.repeat([1, 2, 3], 96)
    value, *_, n_groups = group_bootstrap(hits, groups, splits)
    low, high = ends(value, drawn_means(Hits(hits, groups), splits), groups, Hits(hits, groups))
    assert standing[1:5] == pytest.approx((value, low, high, n_groups))
    assert n_groups == 72


def test_appearances_of_a_clip_in_several_splits_are_drawn_together(folder: Folder) -> None:
    """The same clips in all three splits tell no more than in one: the interval must be the same."""
    once, thrice = (
        [folder.entry(some_predictions(0.7), split=split, backbone=name, dataset=THREE) for split in splits]
        for name, splits in (("once", "1"), ("thrice", "123"))
    )
    rows = sort_into_sections([*once, *thrice]).measured
    one, three = (rank_rows([row], "top1")[0] for row in rows)
    assert three[1:5] == pytest.approx(one[1:5], abs=2e-3)


def test_seeds_that_differ_widen_the_interval(folder: Folder) -> None:
    widths = []
    for name, levels in (("alike", (0.7, 0.7, 0.7)), ("unlike", (0.4, 0.7, 1.0))):
        runs = [folder.entry(some_predictions(p), backbone=name, seed=seed) for seed, p in enumerate(levels)]
        (ranked,) = rank_rows(sort_into_sections(runs).measured, "top1")
        widths.append((ranked.high or 0) - (ranked.low or 0))
    assert widths[1] > 1.5 * widths[0]


def test_rows_that_cannot_be_told_apart_share_a_rank(folder: Folder) -> None:
    rows = [folder.row(p) for p in (0.2, 0.95, 0.6, 0.93, 0.62)]
    found = rank_rows(rows, "top1")
    names = [standing.row.first.identity.backbone for standing in found]
    assert names[0] in ("net0.95", "net0.93")
    assert names[-1] == "net0.2"
    assert [(s.rank, s.lowest) for s in found] == [(1, 2), (1, 2), (3, 4), (3, 4), (5, 5)]


def test_seeds_that_differ_keep_rows_together(folder: Folder) -> None:
    """Two rows of equal means, seeds close together or far apart, and a better one: luck of training counts."""
    worse = [folder.entry(some_predictions(0.7), backbone="worse", seed=seed) for seed in range(3)]
    for name, levels in (("sure", (0.9, 0.9, 0.9)), ("unsure", (0.65, 1.0, 1.0))):
        rest = [folder.entry(some_predictions(p), backbone=name, seed=seed) for seed, p in enumerate(levels)]
        found = rank_rows(sort_into_sections([*worse, *rest]).measured, "top1")
        assert [(s.rank, s.lowest) for s in found] == ([(1, 1), (2, 2)] if name == "sure" else [(1, 2), (1, 2)])


def test_a_row_without_samples_is_compared_with_none(folder: Folder) -> None:
    bare = folder.entry(some_predictions(0.1), backbone="bare")
    rows = [folder.row(0.95), folder.row(0.4), Row((Entry(bare.record, "link", None),))]
    found = {s.row.first.identity.backbone: (s.rank, s.lowest) for s in rank_rows(rows, "top1")}
    assert found == {"net0.95": (1, 2), "net0.4": (2, 3), "bare": (1, 3)}
    assert rank_rows([], "top1") == []


def test_a_row_without_all_splits_has_no_rank(folder: Folder) -> None:
    found = rank_rows([folder.row(0.9, "12", THREE), folder.row(0.3, "123", THREE)], "top1")
    assert [(s.row.first.identity.backbone, s.rank) for s in found] == [("net0.3", 1), ("net0.9", None)]
    assert found[1].row.missing == ["3"]


def test_score_is_the_mean_over_splits_of_the_mean_over_seeds(folder: Folder) -> None:
    entries = [
        folder.entry(some_predictions(p, split=split), split=split, seed=seed, dataset=THREE)
        for split, seed, p in (("1", 0, 0.2), ("1", 1, 0.4), ("2", 0, 0.9), ("3", 0, 0.9))
    ]
    (row,) = sort_into_sections(entries).measured
    values = [entry.record.metrics["top1"].value for entry in row.entries]
    assert row.mean("top1") == pytest.approx(((values[0] + values[1]) / 2 + values[2] + values[3]) / 3)


def reasons(sections: Sections) -> list[str]:
    return [reason for _, reason in sections.left_out]


def test_rows_without_outcomes_keep_the_interval_of_their_record(folder: Folder) -> None:
    entry = folder.entry(some_predictions())
    (standing,) = rank_rows([Row((Entry(entry.record, "link", None),))], "top1")
    metric = entry.record.metrics["top1"]
    assert (standing.low, standing.high, standing.rank) == (metric.low, metric.high, 1)
    assert math.isclose(standing.score, metric.value)


def test_one_group_has_no_interval(folder: Folder) -> None:
    (standing,) = rank_rows([Row((folder.entry(some_predictions(groups=1)),))], "top1")
    assert (standing.low, standing.high, standing.n_groups) == (None, None, 1)


def test_a_row_has_the_interval_of_its_record(tmp_path: Path) -> None:
    (row,) = sort_into_sections(entries(tmp_path, 0.5)).measured
    (standing,) = rank_rows([row], "pearson")
    metric = row.first.metrics["pearson"]
    assert standing[1:5] == pytest.approx((metric.value, metric.low, metric.high, metric.n_groups), abs=1e-12)
    assert row.missing == []


def test_rows_of_reactions_share_a_rank_unless_they_differ(tmp_path: Path) -> None:
    rows = sort_into_sections(entries(tmp_path, 0.5, 0.54, 3.0)).measured
    found = rank_rows(rows, "pearson")
    assert [standing.row.first.identity.backbone for standing in found] == ["net0.5", "net0.54", "net3.0"]
    assert [(standing.rank, standing.lowest) for standing in found] == [(1, 2), (1, 2), (3, 3)]


def test_seeds_are_averaged_and_resampled(tmp_path: Path) -> None:
    runs = [entry(write_reaction(tmp_path, some_intensities(0.5, salt=str(seed)), seed=seed)) for seed in range(3)]
    (row,) = sort_into_sections(runs).measured
    (standing,) = rank_rows([row], "pearson")
    values = [run.record.metrics["pearson"].value for run in runs]
    assert standing.score == pytest.approx(sum(values) / 3)
    assert standing.low is not None
    assert standing.high is not None
    assert standing.low < standing.score < standing.high


def test_rows_without_labels_keep_the_interval_of_their_record_and_are_not_compared(tmp_path: Path) -> None:
    runs = entries(tmp_path, 0.5, 3.0, hidden=True)
    found = rank_rows(sort_into_sections(runs).measured, "pearson")
    assert [(standing.rank, standing.lowest) for standing in found] == [(1, 2), (1, 2)]
    metric = runs[0].record.metrics["pearson"]
    assert (found[0].low, found[0].high) == (metric.low, metric.high)
