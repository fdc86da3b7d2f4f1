from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records.some_intensities import some_intensities
from tests.records.some_records import some_predictions
from tta_bench.boards.resampling import Correlations, Shares, can_resample, runs_of_a_split
from tta_bench.metrics.pearson import mean_pearson, pearson
from tta_bench.records.files import outcomes_of
from tta_bench.records.intensities import outcomes_from_intensities
from tta_bench.records.predictions import outcomes_from_predictions

weights = st.lists(st.integers(0, 3), min_size=24, max_size=24).filter(lambda drawn: sum(drawn) > 2)


def rows_of(groups: np.ndarray, drawn: list[int]) -> np.ndarray:
    """Return the rows of a resample: each group's, as often as it was drawn."""
    names = np.unique(groups)
    return np.concatenate(
        [np.flatnonzero(groups == name) for name, n in zip(names, drawn, strict=True) for _ in range(n)]
    )


@settings(max_examples=25, deadline=None)
@given(weights)
def test_shares_are_those_of_the_samples_drawn(drawn: list[int]) -> None:
    outcomes = [outcomes_from_predictions(some_predictions(accuracy)) for accuracy in (0.3, 0.8)]
    runs = runs_of_a_split(outcomes, "top1")
    assert isinstance(runs, Shares)
    scores, counts = runs.resampled(np.array([drawn], float))
    rows = rows_of(outcomes[0].groups, drawn)
    assert counts.tolist() == [[len(rows)]]
    assert scores[0].tolist() == pytest.approx([(found.ranks[rows] == 0).mean() for found in outcomes])


@settings(max_examples=25, deadline=None)
@given(weights)
def test_correlations_are_those_of_the_samples_drawn(drawn: list[int]) -> None:
    outcomes = [outcomes_from_intensities(some_intensities(noise)) for noise in (0.2, 2.0)]
    runs = runs_of_a_split(outcomes, "pearson")
    assert isinstance(runs, Correlations)
    scores, counts = runs.resampled(np.array([drawn], float))
    rows = rows_of(outcomes[0].groups, drawn)
    assert counts.tolist() == [[len(rows)]]
    expected = [mean_pearson(pearson(found.outputs[rows], found.targets[rows])) for found in outcomes]
    assert scores[0].tolist() == pytest.approx(expected, abs=1e-9)


def test_groups_that_were_not_drawn_give_no_samples() -> None:
    runs = runs_of_a_split([outcomes_from_intensities(some_intensities())], "pearson")
    scores, counts = runs.resampled(np.zeros((1, 24)))
    assert (scores.tolist(), counts.tolist()) == ([[0.0]], [[0.0]])


def test_what_can_be_resampled() -> None:
    classes, intensities = outcomes_of(some_predictions()), outcomes_of(some_intensities())
    assert [can_resample(classes, metric) for metric in ("top1", "top5", "mean_class", "pearson")] == [
        True,
        True,
        False,
        False,
    ]
    assert [can_resample(intensities, metric) for metric in ("pearson", "top1")] == [True, False]
    assert not can_resample(None, "top1")
