from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.boards.some_rows import THREE, Folder, entries, entry
from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_records import some_predictions
from tta_bench.boards.ranking import Resampled, rank_rows, resample_rows, shared_ranks
from tta_bench.boards.rows import Entry, Row, Sections, sort_into_sections
from tta_bench.metrics.intervals import group_bootstrap, percentiles
from tta_bench.metrics.paired import paired_group_bootstrap
from tta_bench.metrics.pearson import paired_pearson_bootstrap
from tta_bench.records.intensities import IntensityOutcomes


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
    expected = group_bootstrap(hits, groups, np.repeat([1, 2, 3], 96))
    assert standing[1:5] == pytest.approx((expected.value, expected.low, expected.high, 72))


def test_appearances_of_a_clip_in_several_splits_are_drawn_together(folder: Folder) -> None:
    """The same clips in all three splits tell no more than in one: the interval must be the same."""
    once, thrice = (
        [folder.entry(some_predictions(0.7), split=split, backbone=name, dataset=THREE) for split in splits]
        for name, splits in (("once", "1"), ("thrice", "123"))
    )
    rows = sort_into_sections([*once, *thrice]).measured
    one, three = (rank_rows([row], "top1")[0] for row in rows)
    assert three[1:5] == pytest.approx(one[1:5])


def test_seeds_that_differ_widen_the_interval(folder: Folder) -> None:
    alike = [folder.entry(some_predictions(0.7), backbone="alike", seed=seed) for seed in range(3)]
    unlike = [folder.entry(some_predictions(p), backbone="unlike", seed=i) for i, p in enumerate((0.3, 0.7, 1.0))]
    rows = sort_into_sections([*alike, *unlike]).measured
    widths = {s.row.first.identity.backbone: (s.high or 0) - (s.low or 0) for s in rank_rows(rows, "top1")}
    assert widths["unlike"] > 1.5 * widths["alike"]


def test_rows_that_cannot_be_told_apart_share_a_rank(folder: Folder) -> None:
    rows = [folder.row(p) for p in (0.2, 0.95, 0.6, 0.93, 0.62)]
    found = rank_rows(rows, "top1")
    names = [standing.row.first.identity.backbone for standing in found]
    assert names[0] in ("net0.95", "net0.93")
    assert names[-1] == "net0.2"
    assert [(s.rank, s.shared) for s in found] == [(1, True), (1, True), (3, True), (3, True), (5, False)]


def test_sharing_a_rank_is_the_paired_bootstrap(folder: Folder) -> None:
    best, other = (folder.row(p) for p in (0.8, 0.7))
    one, two = resample_rows([best, other], "top1")
    hits = [row.entries[0].outcomes.ranks == 0 for row in (best, other) if row.entries[0].outcomes]
    paired = paired_group_bootstrap(*hits, best.entries[0].outcomes.groups)  # type: ignore[union-attr]
    assert one is not None
    assert two is not None
    assert percentiles(one.scores - two.scores) == pytest.approx((paired.low, paired.high))


def test_ranks_are_shared_with_the_best_of_the_group_not_with_the_neighbour() -> None:
    draw = np.random.default_rng(0)
    noise = draw.normal(size=(10_000, 4)) * 0.01
    steps = [Resampled(0.9 - 0.02 * place + noise[:, place], 50) for place in range(4)]
    assert shared_ranks(steps) == [1, 1, 3, 3]
    assert shared_ranks([steps[0], None, steps[1]]) == [1, 2, 3]
    assert shared_ranks([]) == []


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


def test_rows_share_a_rank_unless_their_paired_difference_leaves_out_0(tmp_path: Path) -> None:
    rows = sort_into_sections(entries(tmp_path, 0.5, 0.54, 3.0)).measured
    found = rank_rows(rows, "pearson")
    assert [standing.row.first.identity.backbone for standing in found] == ["net0.5", "net0.54", "net3.0"]
    assert [(standing.rank, standing.shared) for standing in found] == [(1, True), (1, True), (3, False)]
    first, second, third = (standing.row.entries[0].outcomes for standing in found)
    assert isinstance(first, IntensityOutcomes)
    for other, apart in ((second, False), (third, True)):
        assert isinstance(other, IntensityOutcomes)
        difference = paired_pearson_bootstrap(first.outputs, other.outputs, first.targets, first.groups)
        assert (difference.low > 0) == apart


def test_seeds_are_averaged_and_resampled(tmp_path: Path) -> None:
    runs = [entry(write_reaction(tmp_path, some_intensities(0.5, salt=str(seed)), seed=seed)) for seed in range(3)]
    (row,) = sort_into_sections(runs).measured
    (standing,) = rank_rows([row], "pearson")
    values = [run.record.metrics["pearson"].value for run in runs]
    assert standing.score == pytest.approx(sum(values) / 3)
    assert standing.low is not None
    assert standing.high is not None
    assert standing.low < standing.score < standing.high


def test_rows_without_labels_keep_the_interval_of_their_record_and_no_tie(tmp_path: Path) -> None:
    runs = entries(tmp_path, 0.5, 3.0, hidden=True)
    found = rank_rows(sort_into_sections(runs).measured, "pearson")
    assert [standing.rank for standing in found] == [1, 2]
    metric = runs[0].record.metrics["pearson"]
    assert (found[0].low, found[0].high) == (metric.low, metric.high)
