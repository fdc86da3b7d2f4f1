from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records.some_records import CLASSES, some_predictions
from tta_bench.errors import UserError
from tta_bench.metrics.accuracy import true_class_rank
from tta_bench.records.predictions import check_complete, collect, name_hashes


def same(a: object, b: object) -> bool:
    return all(np.array_equal(value, vars(b)[name]) for name, value in vars(a).items() if value is not None)


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(random: object) -> None:
    known = some_predictions()
    order = list(range(len(known.ids)))
    random.shuffle(order)  # type: ignore[attr-defined]
    names = [str(name) for name in known.ids[order]]
    again = collect(names, known.scores[order], known.labels[order], [str(g) for g in known.groups[order]], CLASSES)
    assert same(known, again)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([1e-9, 1e-4, 1.0, 1e6]))
def test_half_precision_changes_no_rank(seed: int, spread: float) -> None:
    draw = np.random.default_rng(seed)
    scores = (1 + spread * draw.random((20, 8))).astype(np.float32)
    labels = draw.integers(0, 8, 20)
    kept = collect([f"{i:02d}" for i in range(20)], scores, labels, ["g"] * 20, CLASSES)
    assert np.array_equal(true_class_rank(kept.scores, kept.labels), true_class_rank(scores, labels))


def test_scores_that_differ_enough_are_kept_in_half_precision() -> None:
    assert some_predictions().scores.dtype == np.float16


def test_scores_that_half_precision_cannot_tell_apart_stay_in_single() -> None:
    scores = np.array([[0.90001, 0.90002]], np.float32)
    assert collect(["a"], scores, [1], ["g"], ["A", "B"]).scores.dtype == np.float32
    assert collect(["a"], scores * 1e6, [1], ["g"], ["A", "B"]).scores.dtype == np.float32


def test_outcomes_hold_ranks_and_no_names() -> None:
    scores = np.tile(np.arange(300, dtype=np.float32), (2, 1))
    predictions = collect(["b", "a"], scores, [299, 0], ["h", "g"], [f"class {i}" for i in range(300)])
    outcomes = predictions.outcomes()
    assert outcomes.ranks.tolist() == [255, 0]
    assert outcomes.keys.tolist() == name_hashes(["a", "b"]).tolist()
    assert outcomes.groups.tolist() == name_hashes(["g", "h"]).tolist()


def test_hashes_stay_the_same_for_ever() -> None:
    assert name_hashes(["v_Archery_g01_c01"]).tolist() == [16697240702223811523]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ids": ["a", "a", "c"]}, "1 repeated: a"),
        ({"ids": ["a", "b"]}, "do not fit"),
        ({"labels": [0, 1, 2]}, "1 samples have a label that is no class: c"),
        ({"labels": [0, -1, 1]}, "1 samples have a label that is no class: b"),
        (
            {"scores": np.array([[1, 2], [np.nan, 0], [np.inf, 1]])},
            "2 samples have a score that is not a finite number: b, c",
        ),
        ({"scores": np.zeros(3)}, "do not fit"),
        ({"ids": [], "scores": np.zeros((0, 2)), "labels": [], "groups": []}, "no samples"),
    ],
)
def test_wrong_predictions_are_named(change: dict[str, object], reason: str) -> None:
    right = {"ids": ["a", "b", "c"], "scores": np.eye(3, 2), "labels": [0, 1, 0], "groups": ["g"] * 3}
    right["classes"] = ["A", "B"]
    collect(**right)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=reason):
        collect(**(right | change))  # type: ignore[arg-type]


def test_incomplete_splits_are_named() -> None:
    check_complete(["a", "b"], ["b", "a"])
    with pytest.raises(UserError) as caught:
        check_complete(["a", "a", "x"], ["a", "b", "c"])
    for part in ("3 samples", "2 missing: b, c", "1 repeated: a", "1 not of this split: x"):
        assert part in str(caught.value)


@pytest.mark.parametrize(("least", "kind"), [(0.25, np.float16), (1e-6, np.float32), (1e-60, np.float64)])
def test_scores_are_kept_in_the_lowest_precision_that_ranks_them(least: float, kind: type[np.floating]) -> None:
    scores = np.array([[1.0, 0.5, 0.5 + least / 2], [1.0, 0.5 - least / 4, 0.5]]) if kind is not np.float64 else None
    table = np.array([[1.0, 0.0, least], [1.0, least, 0.0]]) if scores is None else scores
    found = collect(["a", "b"], table, [2, 1], ["a", "b"], ["x", "y", "z"])
    assert found.scores.dtype == kind
    assert found.outcomes().ranks.tolist() == ([1, 1] if scores is None else [1, 2])
