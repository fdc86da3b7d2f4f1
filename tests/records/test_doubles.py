from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.records.some_intensities import some_intensities
from tests.records.some_records import some_environment, some_identity, some_predictions, write_success
from tta_bench.records.doubles import Seen, find_doubles, samples_digests
from tta_bench.records.predictions import Predictions
from tta_bench.records.store import read_record


def seen(folder: Path, name: str, predictions: Predictions, **changes: Any) -> Seen:
    """Return a record as it stands among others."""
    record = read_record(write_success(folder / name, predictions, keep_predictions=True, **changes))
    return Seen(name, record, samples_digests(predictions, None))


def test_two_records_of_one_run_are_found(tmp_path: Path) -> None:
    ours, theirs = (seen(tmp_path, who, some_predictions(), party=who) for who in ("lab-a", "lab-b"))
    assert list(find_doubles([ours, theirs])) == ["lab-a and lab-b are two records of one run, of 2026-11-22T10:00:00Z"]
    again = seen(tmp_path, "again", some_predictions(), party="lab-c", finished="2026-11-22T12:00:00Z")
    assert list(find_doubles([ours, again])) == []
    assert list(find_doubles([ours, ours])) == []


@pytest.mark.parametrize("change", [0.0, 1e-5])
def test_the_same_predictions_under_two_names_are_found(tmp_path: Path, change: float) -> None:
    first = seen(tmp_path, "first", some_predictions())
    nearly = replace(some_predictions(), scores=np.round(some_predictions().scores.astype(np.float64), 3) + change)
    exact = replace(nearly, scores=nearly.scores.astype(np.float32))
    base = seen(tmp_path, "base", replace(exact, scores=np.round(exact.scores, 3)))
    copy = seen(tmp_path, "copy", exact, identity=some_identity(backbone="resnet50"))
    assert "base and copy are the same predictions under two names" in list(find_doubles([base, copy]))
    assert (
        list(find_doubles([first, seen(tmp_path, "other", some_predictions(salt="x"), identity=some_identity(seed=1))]))
        == []
    )


def test_a_copied_run_key_is_found(tmp_path: Path) -> None:
    first = seen(tmp_path, "first", some_predictions())
    identity = some_identity(seed=1).model_copy(update={"run_key": first.record.identity.run_key})
    other = seen(tmp_path, "other", some_predictions(salt="other"), identity=identity)
    (said,) = find_doubles([first, other])
    assert said == "first and other are of different experiments, and have one run key"


def test_a_control_may_give_what_its_model_gives(tmp_path: Path) -> None:
    first = seen(tmp_path, "first", some_predictions())
    control = seen(tmp_path, "control", some_predictions(), identity=some_identity(control="shuffled"))
    assert list(find_doubles([first, control])) == []


def test_outcomes_tell_models_apart_unless_all_is_right() -> None:
    outcomes = some_predictions().outcomes()
    assert samples_digests(None, outcomes) == samples_digests(None, some_predictions().outcomes())
    assert samples_digests(None, outcomes) != samples_digests(None, some_predictions(salt="other").outcomes())
    assert samples_digests(None, some_predictions(accuracy=1.1).outcomes()) == frozenset()
    assert samples_digests(None, None) == frozenset()
    both = samples_digests(some_predictions(), outcomes)
    assert both > samples_digests(None, outcomes)
    stretched = replace(some_predictions(), scores=3 * some_predictions().scores)
    assert len(both & samples_digests(stretched, None)) == 1
    digests = {samples_digests(None, some_intensities(salt=salt).outcomes()) for salt in "aab"}
    assert len(digests) == 2


def test_an_experiment_measured_again_by_a_later_version_is_no_double(tmp_path: Path) -> None:
    """Its numbers may be the same; its run key is another."""
    again = {"identity": some_identity(run_key="d" * 64), "finished": "2026-11-23T11:00:00Z"}
    environment = some_environment()
    before = seen(tmp_path, "before", some_predictions(), environment=environment.model_copy(update={"numerics": 3}))
    later = environment.model_copy(update={"numerics": 4})
    assert list(find_doubles([before, seen(tmp_path, "later", some_predictions(), environment=later, **again)])) == []
    other = {**again, "identity": some_identity(run_key="d" * 64, seed=1)}
    assert list(find_doubles([before, seen(tmp_path, "other", some_predictions(), environment=later, **other)]))
    same = environment.model_copy(update={"numerics": 3})
    assert list(find_doubles([before, seen(tmp_path, "same", some_predictions(), environment=same, **again)]))
