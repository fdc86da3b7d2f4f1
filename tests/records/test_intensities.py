from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records.some_intensities import read_reaction, some_intensities, some_truth
from tta_bench.errors import UserError
from tta_bench.records.files import read_predictions, write_predictions
from tta_bench.records.intensities import (
    Truth,
    collect_intensities,
)
from tta_bench.records.predictions import name_hashes
from tta_bench.records.schema import Record
from tta_bench.records.verify import verify_record


def same(a: object, b: object) -> bool:
    return type(a) is type(b) and all(np.array_equal(value, vars(b)[name]) for name, value in vars(a).items())


def edited(record: Record, **changes: Any) -> Record:
    return type(record).model_validate_json(json.dumps(record.model_dump(mode="json") | changes))


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


def test_swapped_predictions_are_named(tmp_path: Path) -> None:
    record = read_reaction(tmp_path, some_intensities())
    other = write_predictions(tmp_path / "other.npz", some_intensities(salt="other"))
    problems = verify_record(record.model_copy(update={"predictions": other}), tmp_path).problems
    assert "outcomes: they do not follow from the predictions" in problems
