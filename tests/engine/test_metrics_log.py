from __future__ import annotations

import json
from pathlib import Path

from tta_bench.engine.metrics_log import MetricsLog


def log(path: Path, first: int) -> MetricsLog:
    return MetricsLog(path, "train", first, last=4, clips=8)


def test_metrics_of_steps_that_are_done_again_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for first, steps in ((0, 3), (2, 4)):  # stopped after the checkpoint of step 2 was written
        with log(path, first) as metrics:
            for step in range(first, steps):
                metrics.write(step, {"loss": float(first), "grad_norm": 1.0}, lr=0.5)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(0, 0.0), (1, 0.0), (2, 2.0), (3, 2.0)]
    assert lines[3] == {"step": 3, "loss": 2.0, "grad_norm": 1.0, "lr": 0.5}


def test_a_line_that_a_crash_cut_short_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 0}\n{"st')
    with log(path, 1):
        pass
    assert path.read_text() == '{"step": 0}\n'


def test_a_line_can_be_read_before_training_ends(tmp_path: Path) -> None:
    with log(tmp_path / "metrics.jsonl", 0) as metrics:
        metrics.write(0, {"loss": 1.0, "grad_norm": 1.0}, lr=0.5)
        assert json.loads((tmp_path / "metrics.jsonl").read_text())["step"] == 0
