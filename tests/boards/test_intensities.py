"""Boards and comparisons of records that are scored by r."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.some_intensities import reaction_identity, some_intensities, some_truth, write_reaction
from tests.records.some_records import some_predictions, write_success
from tta_bench.boards.comparison import compare
from tta_bench.boards.ranking import rank_rows
from tta_bench.boards.render import render_board
from tta_bench.boards.reproduction import reproduction
from tta_bench.boards.rows import Entry, Row, sort_into_sections
from tta_bench.boards.write import check_boards, update_boards
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.errors import UserError
from tta_bench.metrics.pearson import paired_pearson_bootstrap
from tta_bench.records.files import read_outcomes
from tta_bench.records.intensities import IntensityOutcomes
from tta_bench.records.store import read_record


def entry(path: Path) -> Entry:
    record = read_record(path)
    return Entry(record, path.name, read_outcomes(path.parent / record.outcomes.name) if record.outcomes else None)


def entries(folder: Path, *noise: float, hidden: bool = False, known: bool = True) -> list[Entry]:
    """Return runs of backbones whose outputs are the labels and so much noise."""
    truth = some_truth(known=known)
    return [
        entry(write_reaction(folder, some_intensities(level, truth=truth), hidden=hidden, backbone=f"net{level}"))
        for level in noise
    ]


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


def test_a_board_shows_r_with_four_decimals_and_every_emotion(tmp_path: Path) -> None:
    runs = entries(tmp_path, 0.5, 3.0)
    board = render_board("abaw_eri", "full", runs)
    metric = runs[0].record.metrics["pearson"]
    assert f"{metric.value:.4f} | {metric.low:.4f} to {metric.high:.4f}" in " ".join(board.split()).replace("  ", " ")
    emotions = board.split("### Emotion by emotion")[1].split("###")[0]
    assert all(f"{runs[0].record.per_class[name]:.4f}" in emotions for name in EMOTIONS)
    assert "mean r" in board
    assert "top-1" not in board
    assert not any(mark in board for mark in "‡§")


def test_a_board_says_what_is_a_bound_and_what_is_hidden(tmp_path: Path) -> None:
    board = render_board("abaw_eri", "full", entries(tmp_path, 0.5, hidden=True, known=False))
    assert "‡ §" in board
    assert "at least this wide" in board
    assert "verifiable with the data only" in " ".join(board.split())


def test_an_undefined_r_is_shown_as_such(tmp_path: Path) -> None:
    predictions = some_intensities()
    predictions.outputs[:, 0] = 0.5
    board = render_board("abaw_eri", "full", [entry(write_reaction(tmp_path, predictions))])
    assert board.split("### Emotion by emotion")[1].count("undefined |") == 1


def test_boards_are_checked_with_both_kinds(tmp_path: Path) -> None:
    write_reaction(tmp_path / "records", some_intensities(), tier="sample")
    write_success(tmp_path / "records", some_predictions())
    (tmp_path / "published").mkdir()
    written, problems = update_boards([tmp_path / "records"], tmp_path, tmp_path)
    assert problems == []
    assert {path.relative_to(tmp_path).as_posix() for path in written} == {"sample/abaw_eri.md", "ucf101_ft.md"}
    assert check_boards([tmp_path / "records"], tmp_path, tmp_path) == []


def test_two_models_are_compared_by_r(tmp_path: Path) -> None:
    paths = [write_reaction(tmp_path, some_intensities(noise), backbone=f"net{noise}") for noise in (0.5, 3.0)]
    found = compare(*paths)
    values = [read_record(path).metrics["pearson"].value for path in paths]
    assert (found.metric, found.a, found.b) == ("pearson", pytest.approx(values[0]), pytest.approx(values[1]))
    assert found.difference.value == pytest.approx(values[0] - values[1])
    assert found.difference.low > 0
    assert found.discordant is None


def test_models_without_labels_are_compared_with_them(tmp_path: Path) -> None:
    both = [
        [
            write_reaction(tmp_path / where, some_intensities(n), hidden=where == "b", backbone=f"net{n}")
            for n in (0.5, 3.0)
        ]
        for where in "ab"
    ]
    assert compare(*both[1], truth=some_truth()) == compare(*both[0])
    with pytest.raises(UserError, match="holds no labels"):
        compare(*both[1])


def test_what_was_scored_otherwise_cannot_be_compared(tmp_path: Path) -> None:
    one = write_reaction(tmp_path, some_intensities())
    fewer = write_reaction(tmp_path / "fewer", some_intensities(truth=some_truth(20)))
    with pytest.raises(UserError, match="only records of the same data and split"):
        compare(one, fewer)
    predictions = some_intensities()
    assert predictions.targets is not None
    predictions.targets[:] = 1 - predictions.targets
    other = write_reaction(tmp_path / "other", predictions)
    with pytest.raises(UserError, match="not scored against the same labels"):
        compare(one, other)


def test_a_run_and_its_repetition(tmp_path: Path) -> None:
    paths = [write_reaction(tmp_path / name, some_intensities()) for name in "ab"]
    found = reproduction(*paths)
    assert found.difference == 0
    assert "Over the same 96 clips mean r differs by 0.0000 (95 % 0.0000 to 0.0000)" in found.report
    other = write_reaction(tmp_path / "c", some_intensities(3.0))
    assert reproduction(paths[0], other).difference < 0
    assert "mean r differs by -" in reproduction(paths[0], other).report


def test_a_row_stands_for_one_part(tmp_path: Path) -> None:
    identity = reaction_identity()
    assert (identity.split, identity.dataset.splits) == ("val", ("val",))
    assert Row((entry(write_reaction(tmp_path, some_intensities())),)).missing == []
