from __future__ import annotations

from pathlib import Path

from tests.records.some_records import some_predictions, some_record, write_success
from tta_bench.metrics import METRICS
from tta_bench.metrics.intervals import drawn_with
from tta_bench.records.differences import differences, differing_values, plugin_of_score
from tta_bench.records.store import read_record


def test_a_figure_that_its_samples_do_not_give_is_named(tmp_path: Path) -> None:
    outcomes = some_predictions().outcomes()
    record = read_record(write_success(tmp_path, some_predictions()))
    assert list(differences(record, outcomes)) == list(differing_values(record, outcomes)) == []
    top1 = record.metrics["top1"]
    better = record.model_copy(update={"metrics": {**record.metrics, "top1": top1.model_copy(update={"value": 0.99})}})
    (said,) = differing_values(better, outcomes)
    assert said == f"top1.value: the record says 0.99, its samples give {top1.value}"
    assert said in list(differences(better, outcomes))
    wider = record.model_copy(update={"metrics": {**record.metrics, "top1": top1.model_copy(update={"low": 0.0})}})
    assert list(differing_values(wider, outcomes)) == []
    assert [line.partition(":")[0] for line in differences(wider, outcomes)] == ["top1.low"]


def test_an_interval_of_before_is_drawn_as_it_was(tmp_path: Path) -> None:
    outcomes = some_predictions().outcomes()
    record = read_record(write_success(tmp_path, some_predictions()))
    with drawn_with("philox"):
        drawn = METRICS.of_samples("top1").measure(outcomes)
    before = record.metrics["top1"].model_copy(update={"low": drawn.low, "high": drawn.high, "draws": "philox"})
    assert before.low != record.metrics["top1"].low
    assert list(differences(record.model_copy(update={"metrics": {**record.metrics, "top1": before}}), outcomes)) == []


def test_a_score_without_a_plugin_is_known_by_its_name() -> None:
    assert plugin_of_score(some_record()) == "that registers top1"
