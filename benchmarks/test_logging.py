"""Loggers beside a training: the processor time of a step's line in each, against that of a step."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from benchmarks.steps import ours
from tta_bench.engine.loggers import Loggers

LINES = 200
SHARE = 0.02


@pytest.fixture(scope="module")
def step_seconds() -> float:
    """Processor time of the quickest of three fine-tune steps of ViT-B, one clip of 16 x 224, in float32."""
    step, seconds = ours(), []
    for _ in range(4):
        begun = time.process_time()
        step("fp32")
        seconds.append(time.process_time() - begun)
    return min(seconds[1:])


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_line_takes_little_of_a_step(name: str, step_seconds: float, tmp_path: Path) -> None:
    pytest.importorskip(name)
    folder = tmp_path / "run"
    folder.mkdir()
    with Loggers([name], folder) as loggers:
        begun = time.process_time()  # of all threads
        for step in range(LINES):
            loggers.send({"step": step, "loss": 1 / (step + 1), "grad_norm": 2.0 + step, "lr": 1e-3 / 3})
    seconds = (time.process_time() - begun) / LINES
    print(
        f"\n{name}: {1e3 * seconds:.2f} ms a line, {seconds / step_seconds:.3%} of a step of {step_seconds:.2f} s, "
        f"{torch.get_num_threads()} threads"
    )
    assert seconds <= SHARE * step_seconds
