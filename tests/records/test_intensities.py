from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records.some_intensities import read_reaction, some_intensities, some_truth, write_reaction
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.errors import UserError
from tta_bench.metrics.pearson import pearson, pearson_bootstrap
from tta_bench.records.files import read_outcomes, read_predictions, write_outcomes, write_predictions
from tta_bench.records.intensities import (
    Intensities,
    IntensityOutcomes,
    Truth,
    collect_intensities,
)
from tta_bench.records.predictions import name_hashes
from tta_bench.records.schema import Record
from tta_bench.records.score import score
from tta_bench.records.store import read_record, write_record
from tta_bench.records.verify import verify_record


def same(a: object, b: object) -> bool:
    return type(a) is type(b) and all(np.array_equal(value, vars(b)[name]) for name, value in vars(a).items())


def edited(record: Record, **changes: Any) -> Record:
    return type(record).model_validate_json(json.dumps(record.model_dump(mode="json") | changes))


@pytest.mark.parametrize("known", [True, False])
def test_what_was_written_is_read_as_its_kind(tmp_path: Path, known: bool) -> None:
    predictions = some_intensities(truth=some_truth(known=known))
    ref = write_predictions(tmp_path / "p.npz", predictions)
    assert same(predictions, read_predictions(tmp_path / ref.name))
    outcomes = predictions.outcomes()
    ref = write_outcomes(tmp_path / "o.npz", outcomes)
    assert same(outcomes, read_outcomes(tmp_path / ref.name))


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(random: Any) -> None:
    truth, known = some_truth(), some_intensities()
    order = list(range(len(known.ids)))
    random.shuffle(order)
    again = collect_intensities([str(name) for name in known.ids[order]], known.outputs[order], truth)
    assert same(known, again)


def test_outcomes_hold_no_names() -> None:
    predictions = some_intensities()
    outcomes = predictions.outcomes()
    assert outcomes.keys.tolist() == name_hashes(predictions.ids).tolist()
    assert predictions.groups is not None
    assert outcomes.groups.tolist() == name_hashes(predictions.groups).tolist()
    alone = some_intensities(truth=some_truth(known=False)).outcomes()
    assert alone.groups.tolist() == alone.keys.tolist()


def test_predictions_without_labels_hold_nothing_of_labels_or_subjects(tmp_path: Path) -> None:
    predictions = some_intensities()
    ref = write_predictions(tmp_path / "p.npz", predictions.without_labels())
    with np.load(tmp_path / ref.name) as file:
        assert sorted(file.files) == ["emotions", "ids", "outputs"]
    with pytest.raises(UserError, match="without labels"):
        read_predictions(tmp_path / ref.name).outcomes()


def change(truth: Truth, name: str, *values: float) -> Truth:
    return Truth(truth.emotions, {**truth.targets, name: (*values, *truth.targets[name][len(values) :])}, truth.groups)


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda ids, out, truth: (ids[1:], out[1:], truth), "1 missing: 00000"),
        (lambda ids, out, truth: ([ids[1], *ids[1:]], out, truth), "1 missing: 00000; 1 repeated: 00001"),
        (lambda ids, out, truth: (["x", *ids[1:]], out, truth), "1 missing: 00000; 1 not of this split: x"),
        (lambda ids, out, truth: (ids, np.where(out > 1.5, np.nan, out), truth), "output that is not a finite number"),
        (lambda ids, out, truth: (ids, np.full_like(out, 1e39), truth), "96 samples have an output that is not a fin"),
        (lambda ids, out, truth: (ids, out, change(truth, "00002", -0.1)), "1 samples have a label outside.*: 00002"),
        (lambda ids, out, truth: (ids, out, change(truth, "00002", 7.0)), "1 samples have a label outside.*: 00002"),
        (lambda ids, out, truth: (ids, out, change(truth, "00002", np.nan)), "1 samples have no label: 00002"),
        (lambda ids, out, truth: (ids, out[:, :6], truth), "do not fit"),
        (lambda ids, out, truth: (ids[:2], out[:2], some_truth(1, 2)), "needs 3 samples or more, and there are 2"),
    ],
)
def test_what_cannot_be_scored_is_counted_and_named(break_it: Any, reason: str) -> None:
    truth, right = some_truth(), some_intensities()
    ids, outputs, truth = break_it(right.ids.tolist(), right.outputs.astype(float), truth)
    with pytest.raises(UserError, match=reason):
        collect_intensities(ids, outputs, truth)


def test_figures_are_what_they_are_called() -> None:
    predictions = some_intensities()
    metrics, per_class, undefined = score(predictions.outcomes())
    assert predictions.targets is not None
    assert predictions.groups is not None
    r = pearson(predictions.outputs, predictions.targets)
    assert per_class == dict(zip(EMOTIONS, r.tolist(), strict=True))
    expected = pearson_bootstrap(predictions.outputs, predictions.targets, name_hashes(predictions.groups))
    found = metrics["pearson"]
    assert (found.value, found.low, found.high, found.n, found.n_groups) == expected
    assert (found.n, found.n_groups, found.resampled, undefined) == (96, 24, "groups", ())


def test_unknown_subjects_are_said_to_be_unknown() -> None:
    metrics, *_ = score(some_intensities(truth=some_truth(known=False)).outcomes())
    assert (metrics["pearson"].n_groups, metrics["pearson"].resampled) == (96, "samples")


def test_an_undefined_r_is_reported_and_counts_nothing() -> None:
    truth, right = some_truth(), some_intensities()
    outputs = right.outputs.copy()
    outputs[:, EMOTIONS.index("Fear")] = 0.5
    metrics, per_class, undefined = score(collect_intensities(right.ids.tolist(), outputs, truth).outcomes())
    assert undefined == ("Fear",)
    assert "Fear" not in per_class
    assert metrics["pearson"].value == pytest.approx(sum(per_class.values()) / 7)


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


def test_swapped_predictions_are_named(tmp_path: Path) -> None:
    record = read_reaction(tmp_path, some_intensities())
    other = write_predictions(tmp_path / "other.npz", some_intensities(salt="other"))
    problems = verify_record(record.model_copy(update={"predictions": other}), tmp_path).problems
    assert "outcomes: they do not follow from the predictions" in problems


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
    assert "missing" in verify_record(record, tmp_path, truth=some_truth(25)).problems[0]
    assert record.predictions is not None
    (tmp_path / record.predictions.name).write_bytes(b"other")
    assert "its sha256 differs" in verify_record(record, tmp_path).problems[0]


def test_a_record_of_classes_shows_nothing_of_this() -> None:
    from tests.records.some_records import some_record

    data = some_record().model_dump(mode="json")
    assert not {"undefined", "verifiable_with"} & data.keys()


def test_new_fields_survive_json(tmp_path: Path) -> None:
    path = write_reaction(tmp_path, some_intensities(truth=some_truth(known=False)), hidden=True)
    data = json.loads(path.read_text())
    assert (data["undefined"], data["verifiable_with"], data["outcomes"]) == ([], "data.root", None)
    assert data["metrics"]["pearson"]["resampled"] == "samples"
    assert Record.model_validate_json(path.read_text()) == read_record(path)


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    predictions = some_intensities()
    fewer = Intensities(predictions.ids[1:], predictions.outputs, EMOTIONS)
    with pytest.raises(UserError, match="differ in length"):
        read_predictions(tmp_path / write_predictions(tmp_path / "p.npz", fewer).name)
    ref = write_outcomes(tmp_path / "o.npz", predictions.outcomes())
    with pytest.raises(UserError, match="holds no intensities"):
        read_predictions(tmp_path / ref.name)
    assert isinstance(read_outcomes(tmp_path / ref.name), IntensityOutcomes)
