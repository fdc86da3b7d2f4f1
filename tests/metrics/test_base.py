from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.records.some_records import some_predictions
from tta_bench.errors import UserError
from tta_bench.metrics import METRICS, SampleMetric
from tta_bench.metrics.base import BaseMetric
from tta_bench.metrics.intervals import group_bootstrap
from tta_bench.records.predictions import Predictions
from tta_bench.utils.files import sha256_of


class Margin(SampleMetric[Predictions]):
    """Share of hits, of all scores: what top-1 is, but computed the slow way."""

    percent = True

    def compute(self, samples: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(weights @ (samples.scores.argmax(axis=1) == samples.labels) / weights.sum(axis=1))


def hits(predictions: Predictions) -> NDArray[np.bool_]:
    return np.asarray(predictions.scores.argmax(axis=1) == predictions.labels)


def test_compute_alone_gives_value_interval_and_difference() -> None:
    a, b = some_predictions(0.4), some_predictions(0.8)
    metric = Margin("margin")
    plain, percentile = metric.measure(a, 1000), metric.measure_percentile(a, 1000)
    assert percentile == pytest.approx(group_bootstrap(hits(a), a.groups, resamples=1000))
    assert (plain.value, *plain[3:]) == (percentile.value, *percentile[3:])
    assert plain.low <= percentile.low
    assert plain.high > percentile.high
    found = metric.difference(a, b, 200)
    assert found.value == pytest.approx(hits(a).mean() - hits(b).mean())
    assert found.low < found.value < found.high
    assert (found.n, found.n_groups) == (96, 24)
    wider = metric.difference_at(a, b, 0.99, 200)
    assert (wider.low < found.low, wider.high > found.high) == (True, True)
    assert metric.hits(a) is None


def test_a_metric_says_how_it_is_shown() -> None:
    assert [metric.heading for metric in METRICS] == [
        *(
            "loss",
            "top-1 %",
            "top-5 %",
            "mean class %",
            "top-1 reversed %",
            "top-1, official ties %",
            "top-1 unleaked %",
            "mean r",
        )
    ]
    top1, pearson = METRICS.get("top1"), METRICS.get("pearson")
    assert (top1.text(0.123), pearson.text(0.123)) == ("12.30", "0.1230")
    assert (top1.text_with_unit(0.5), pearson.text_with_unit(-1e-9)) == ("50.00%", "0.0000")
    assert [top1.signed_text(value) for value in (0.1, -0.1, 1e-9)] == ["+10.00", "-10.00", "0.00"]
    assert not METRICS.get("loss").higher_is_better


def test_a_name_that_nobody_registered() -> None:
    with pytest.raises(UserError, match="unknown metric 'top2'"):
        METRICS.get("top2")
    bare = METRICS.describe("some_metric")
    assert (type(bare), bare.heading, bare.text(0.5)) == (BaseMetric, "some metric", "0.5000")
    assert METRICS.of_samples("some_metric") is METRICS.of_samples("loss") is None


def test_a_name_is_registered_once_and_own_metrics_are_told_from_plugins() -> None:
    METRICS.register_module("margin")(Margin)
    with pytest.raises(UserError, match="two metrics are called 'margin'"):
        METRICS.register_module("margin")(Margin)
    assert isinstance(METRICS.of_samples("margin"), Margin)
    assert "margin" not in [metric.name for metric in METRICS.own()]
    assert METRICS.code("top1") == ()
    (code,) = METRICS.code("margin")
    assert (code.name, code.sha256) == ("test_base.py", sha256_of(Path(__file__)))
