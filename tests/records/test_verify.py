from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.records.some_intensities import read_reaction, some_intensities, some_truth
from tests.records.some_records import some_predictions, some_record, write_success
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.records.files import write_outcomes, write_predictions
from tta_bench.records.intensities import (
    Truth,
)
from tta_bench.records.predictions import Predictions
from tta_bench.records.schema import Record
from tta_bench.records.store import read_record, write_record
from tta_bench.records.verify import judge, verify_record


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


def edited(record: Record, **changes: Any) -> Record:
    return type(record).model_validate_json(json.dumps(record.model_dump(mode="json") | changes))


def test_a_true_record_is_recomputed_from_either_file(tmp_path: Path) -> None:
    record = read_reaction(tmp_path, some_intensities())
    assert record.predictions is not None
    assert record.outcomes is not None
    assert verify_record(record, tmp_path) == ("predictions", [])
    (tmp_path / record.predictions.name).unlink()
    assert verify_record(record, tmp_path) == ("outcomes", [])


def test_edited_figures_are_named(tmp_path: Path) -> None:
    record = read_reaction(tmp_path, some_intensities())
    metric = record.metrics["pearson"].model_dump(mode="json")
    for changes, named in (
        ({"metrics": {"pearson": metric | {"value": 0.9}}}, r"pearson.value: the record says 0.9"),
        ({"metrics": {"pearson": metric | {"resampled": "samples"}}}, "pearson.resampled: the record says samples"),
        ({"per_class": {**record.per_class, "Fear": 0.5}}, "per_class.Fear: the record says 0.5"),
        ({"undefined": ["Fear"]}, "undefined: the record says"),
    ):
        changed = read_record(write_record(edited(record, **changes), tmp_path))
        (problem,) = verify_record(changed, tmp_path).problems
        assert problem.startswith(named)


def test_a_record_without_labels_is_recomputed_with_them_only(tmp_path: Path) -> None:
    record = read_reaction(tmp_path, some_intensities(), hidden=True)
    assert (record.outcomes, record.verifiable_with) == (None, "data.root")
    assert verify_record(record, tmp_path) == ("nothing", [])
    assert verify_record(record, tmp_path, truth=some_truth()) == ("predictions", [])
    metric = record.metrics["pearson"].model_dump(mode="json")
    wrong = edited(record, metrics={"pearson": metric | {"value": 0.9}})
    problems = verify_record(wrong, tmp_path, truth=some_truth()).problems
    assert [problem.split(":")[0] for problem in problems] == ["pearson.value"]
    others = Truth(EMOTIONS[::-1], some_truth().targets)
    assert "the labels are of Surprise" in verify_record(record, tmp_path, truth=others).problems[0]
    own = some_truth()
    few = Truth(own.emotions, dict(list(own.targets.items())[1:]))
    assert "1 not of this split" in verify_record(record, tmp_path, truth=few).problems[0]
    assert own.groups is not None
    one = {"one more": next(iter(own.targets.values()))}
    more = Truth(own.emotions, {**own.targets, **one}, {**own.groups, "one more": "subject9"})
    assert verify_record(record, tmp_path, truth=more) == ("predictions", [])  # its copy was not whole
    assert judge(record, tmp_path, truth=more).word == "arithmetic"
    assert record.predictions is not None
    (tmp_path / record.predictions.name).write_bytes(b"other")
    assert "its sha256 differs" in verify_record(record, tmp_path).problems[0]


OLD = sorted((Path(__file__).parent / "old").glob("v*.json"))


def test_there_is_one_of_every_version() -> None:
    assert [path.name for path in OLD if path.name.startswith("v1_")]


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_an_old_record_loads_and_is_still_true(path: Path) -> None:
    record = read_record(path)
    assert record.status == "success"
    assert verify_record(record, path.parent) == ("predictions", [])
