from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.records.some_intensities import some_intensities, some_truth
from tests.records.some_records import CLASSES, some_predictions, write_success
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.metrics.intervals import DRAWS
from tta_bench.metrics.pearson import pearson, pearson_bootstrap
from tta_bench.records.intensities import (
    collect_intensities,
)
from tta_bench.records.predictions import collect, name_hashes
from tta_bench.records.schema import Metric
from tta_bench.records.score import chance_level, holds_chance, score
from tta_bench.records.store import read_record
from tta_bench.records.verify import verify_record


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


def test_figures_are_what_they_are_called() -> None:
    predictions = some_intensities()
    before = Metric(value=0.0, low=None, high=None, n=1, n_groups=1, interval="percentile", draws=DRAWS)
    metrics, per_class, undefined = score(predictions.outcomes(), recorded={"pearson": before})
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


@pytest.mark.parametrize(("name", "share"), [("top1", 1 / 8), ("top5", 5 / 8), ("mean_class", None), ("loss", None)])
def test_chance_is_a_guess_among_all_classes(name: str, share: float | None) -> None:
    assert chance_level(name, some_predictions().outcomes()) == share
    assert chance_level(name, None) is None


def test_chance_of_a_correlation_is_none_at_all() -> None:
    assert chance_level("pearson", some_intensities().outcomes()) == 0
    assert chance_level("pearson", None) == 0


@pytest.mark.parametrize(("chance", "held"), [(0.0, False), (0.6, True), (1.0, True), (None, False)])
def test_an_interval_holds_chance_or_not(chance: float | None, held: bool) -> None:
    metric = score(some_predictions().outcomes()).metrics["top1"].model_copy(update={"low": 0.6, "high": 1.0})
    assert holds_chance(metric, chance) is held
    assert not holds_chance(metric.model_copy(update={"low": None, "high": None}), chance)
