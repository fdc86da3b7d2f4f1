from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.records.some_records import CLASSES, some_identity, some_predictions, some_record, write_success
from tta_bench.records.files import write_outcomes, write_predictions
from tta_bench.records.predictions import Predictions, collect
from tta_bench.records.score import score
from tta_bench.records.store import read_record, write_record
from tta_bench.records.verify import verify_record


def test_a_true_record_has_no_problem(tmp_path: Path) -> None:
    path = write_success(tmp_path, some_predictions(reverse=True), keep_predictions=True)
    record = read_record(path)
    assert verify_record(record, tmp_path) == ("predictions", [])
    assert record.predictions is not None
    (tmp_path / record.predictions.name).unlink()
    assert verify_record(record, tmp_path) == ("outcomes", [])
    assert record.outcomes is not None
    (tmp_path / record.outcomes.name).unlink()
    assert "nothing was recomputed" in verify_record(record, tmp_path).problems[0]


def test_a_run_without_result_has_nothing_to_verify(tmp_path: Path) -> None:
    assert verify_record(some_record(), tmp_path) == ("nothing", [])


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("metrics", "top1", "value"), 0.99, "top1.value: the record says 0.99"),
        (("metrics", "top5", "low"), None, "top5.low: the record says None"),
        (("metrics", "mean_class", "n_groups"), 12, "mean_class.n_groups"),
        (("per_class", "ClassA"), 1e-3, "per_class.ClassA"),
        (("per_class", "Another"), 0.5, "per_class.Another: the record says 0.5, its samples give None"),
        (("metrics", "top9"), {"value": 1.0, "low": 1.0, "high": 1.0, "n": 96, "n_groups": 24}, "top9.value"),
    ],
)
def test_a_figure_that_was_edited_with_its_digest_is_named(
    tmp_path: Path, place: tuple[str, ...], value: Any, named: str
) -> None:
    record = read_record(write_success(tmp_path, some_predictions()))
    data = record.model_dump(mode="json")
    *above, last = place
    part = data
    for key in above:
        part = part[key]
    part[last] = value
    edited = type(record).model_validate_json(json.dumps(data))
    problems = verify_record(read_record(write_record(edited, tmp_path)), tmp_path).problems
    assert any(named in problem for problem in problems)


def test_swapped_predictions_are_named(tmp_path: Path) -> None:
    record = read_record(write_success(tmp_path, some_predictions(), keep_predictions=True))
    assert record.predictions is not None
    other = write_predictions(tmp_path / "other.npz", some_predictions(salt="other"))
    (tmp_path / other.name).replace(tmp_path / record.predictions.name)
    (problem,) = verify_record(record, tmp_path).problems
    assert problem == f"predictions: {record.predictions.name} is not the file that was recorded: its sha256 differs"


def test_predictions_that_do_not_give_the_outcomes_are_named(tmp_path: Path) -> None:
    record = read_record(write_success(tmp_path, some_predictions()))
    other = write_predictions(tmp_path / "other.npz", some_predictions(salt="other"))
    problems = verify_record(record.model_copy(update={"predictions": other}), tmp_path).problems
    assert "outcomes: they do not follow from the predictions" in problems


def test_a_missing_sample_is_named(tmp_path: Path) -> None:
    record = read_record(write_success(tmp_path, some_predictions()))
    fewer = write_outcomes(tmp_path / "fewer.npz", without_last(some_predictions()).outcomes())
    problems = verify_record(record.model_copy(update={"outcomes": fewer}), tmp_path).problems
    assert "samples: 96 were expected, 95 are there" in problems


def without_last(predictions: Predictions) -> Predictions:
    fields = {
        name: value if name == "classes" else value[:-1]
        for name, value in vars(predictions).items()
        if value is not None
    }
    return Predictions(**fields)


def test_metrics_are_what_they_are_called() -> None:
    predictions = some_predictions(reverse=True)
    metrics, per_class, _ = score(predictions.outcomes())
    best = predictions.scores.argmax(axis=1)
    assert predictions.reversed_labels is not None
    assert metrics["top1"].value == np.mean(best == predictions.labels)
    assert metrics["top1_reversed"].value == np.mean(best == predictions.reversed_labels)
    assert metrics["mean_class"].value == pytest.approx(np.mean(list(per_class.values())))
    assert per_class["ClassB"] == np.mean(best[predictions.labels == 1] == 1)
    assert metrics["top1"].value <= metrics["top5"].value
    assert {(m.n, m.n_groups) for m in metrics.values()} == {(96, 24)}


def test_clips_whose_group_was_trained_on_are_told_apart(tmp_path: Path) -> None:
    scores, labels = np.eye(4), [0, 1, 2, 0]
    fields = (["a", "b", "c", "d"], scores, labels, ["g", "g", "h", "i"], [f"Class{i}" for i in range(4)])
    predictions = collect(*fields, trained_groups={"g", "elsewhere"})
    metrics, *_ = score(predictions.outcomes())
    assert (metrics["top1"].value, metrics["top1"].n) == (0.75, 4)
    assert (metrics["top1_unleaked"].value, metrics["top1_unleaked"].n, metrics["top1_unleaked"].n_groups) == (
        0.5,
        2,
        2,
    )
    path = write_success(tmp_path, predictions, keep_predictions=True)
    assert verify_record(read_record(path), tmp_path) == ("predictions", [])
    for trained in (set(), {"elsewhere"}, {"g", "h", "i"}):
        metrics, *_ = score(collect(*fields, trained_groups=trained).outcomes())
        assert set(metrics) == {"top1", "mean_class"}


def test_top5_needs_more_than_five_classes_and_an_interval_two_groups() -> None:
    predictions = collect(["a", "b"], np.eye(2), [0, 0], ["g", "g"], CLASSES[:2])
    metrics, per_class, _ = score(predictions.outcomes())
    assert set(metrics) == {"top1", "mean_class"}
    assert (metrics["top1"].value, metrics["top1"].low, metrics["top1"].high) == (0.5, None, None)
    assert per_class == {"ClassA": 0.5}


def test_controls_have_names_of_their_own(tmp_path: Path) -> None:
    path = write_success(tmp_path, some_predictions(), identity=some_identity(control="reversed"))
    assert "_reversed__" in path.name
