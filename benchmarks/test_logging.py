"""Loggers beside a training: the processor time of a step's line against that of a step, and that of a whole run."""

from __future__ import annotations

import importlib.util
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks.steps import ours
from tta_bench.engine.loggers import Loggers

LINES = 200
SHARE = 0.02
TURNS = 5


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


def _run_seconds(folder: Path, *words: str) -> float:
    """Processor time of the sample's main job, all of its processes together."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "tta_bench", "run", "protocol=ucf101_ft", "--work-dir", str(folder), *words]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_sample_run_takes_little_longer(tmp_path: Path) -> None:
    names = [name for name in ("tensorboard", "mlflow") if importlib.util.find_spec(name)]
    _run_seconds(tmp_path / "first", "train.epochs=2")  # makes the sample's videos
    shares: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(TURNS):
        without = _run_seconds(tmp_path / f"without{turn}")
        for name in names:
            shares[name].append(_run_seconds(tmp_path / f"{name}{turn}", f"runtime.logging={name}") / without - 1)
            print(f"\n{name}: {shares[name][-1]:+.2%} of a sample run's {without:.1f} s", end="", flush=True)
    medians = {name: statistics.median(those) for name, those in shares.items()}
    print(f"\nthe medians of {TURNS} turns:", ", ".join(f"{name} {median:+.2%}" for name, median in medians.items()))
    assert max(medians.values(), default=0) <= SHARE
