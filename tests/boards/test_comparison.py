from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.records.some_intensities import some_intensities, some_truth, write_reaction
from tests.records.some_records import some_identity, some_predictions, write_success
from tta_bench.boards.comparison import compare, compare_several
from tta_bench.errors import UserError
from tta_bench.records.files import read_outcomes, write_outcomes
from tta_bench.records.predictions import Outcomes
from tta_bench.records.schema import Record
from tta_bench.records.store import read_record, write_record


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


def named(folder: Path, name: str, accuracy: float) -> Path:
    return write_success(folder, some_predictions(accuracy), identity=some_identity(backbone=name))


def test_a_record_that_knows_no_ties_is_compared_by_its_own_rule(tmp_path: Path) -> None:
    path = named(tmp_path, "one", 0.8)
    predictions = some_predictions(0.8)
    scores = predictions.scores.astype("float32")
    scores[:, -1] = scores.max(axis=1)
    tied = write_success(tmp_path, replace(predictions, scores=scores), identity=some_identity(backbone="tied"))
    assert compare(path, tied).note == ""
    record = read_record(path)
    old = outcomes_without_ties(tmp_path, record)
    found = compare(old, tied)
    assert "knows no ties" in found.note
    assert found.b < compare(path, tied).b


def outcomes_without_ties(folder: Path, record: Record) -> Path:
    """Write a record as one from before: its outcomes have no ties."""
    assert record.outcomes is not None
    kept = read_outcomes(folder / record.outcomes.name)
    assert isinstance(kept, Outcomes)
    before = folder / "before"
    before.mkdir()
    stem = record.outcomes.name.rsplit(".", 2)[0]
    reference = write_outcomes(before / f"{stem}.npz", kept.without_ties())
    metrics = {name: metric.model_copy(update={"ties": "missed"}) for name, metric in record.metrics.items()}
    return write_record(record.model_copy(update={"outcomes": reference, "metrics": metrics}), before)


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_two_that_are_all_right_or_all_wrong_have_an_interval_and_no_verdict(right: float, tmp_path: Path) -> None:
    paths = [
        write_success(tmp_path, some_predictions(right), identity=some_identity(backbone=name))
        for name in ("one", "other")
    ]
    found = compare(*paths)
    assert found.difference.low < 0 < found.difference.high
    assert found.difference.p == 1


def test_several_are_compared_with_all_pairs_at_once(tmp_path: Path) -> None:
    shares = {"good": 0.9, "bad": 0.2, "fair": 0.85}
    paths = [
        write_success(tmp_path, some_predictions(share), identity=some_identity(backbone=name))
        for name, share in shares.items()
    ]
    found = compare_several(paths)
    assert [(pair.a, pair.b) for pair in found.pairs] == [(0, 1), (0, 2), (1, 2)]
    assert found.ranks[1] == (3, 3)
    assert found.ranks[0][0] == 1
    two = compare(paths[0], paths[1]).difference
    assert found.pairs[0].difference.low < two.low
