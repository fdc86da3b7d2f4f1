"""Loggers beside a training, each in a process of its own: the cost of a step's line, and that of a sample run."""

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

LINES = 1000
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


def _processor_seconds() -> float:
    """Processor time of this process and of those that it has waited for."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _logged_seconds(name: str, folder: Path, lines: int) -> float:
    begun = _processor_seconds()
    with Loggers([name], folder) as loggers:
        for step in range(lines):
            loggers.send({"step": step, "loss": 1 / (step + 1), "grad_norm": 2.0 + step, "lr": 1e-3 / 3})
    return _processor_seconds() - begun


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_line_takes_little_of_a_step(name: str, step_seconds: float, tmp_path: Path) -> None:
    pytest.importorskip(name)
    (tmp_path / "run").mkdir()
    turns = [[_logged_seconds(name, tmp_path / "run", count) for count in (1, 1 + LINES)] for _ in range(TURNS)]
    fixed, longer = (statistics.median(those) for those in zip(*turns, strict=True))
    line = (longer - fixed) / LINES
    print(
        f"\n{name}: {fixed:.2f} s once, which is {SHARE:.0%} of {fixed / SHARE:.0f} s; {1e3 * line:.2f} ms a line, "
        f"{line / step_seconds:.3%} of a step of {step_seconds:.2f} s, {torch.get_num_threads()} threads"
    )
    assert line <= SHARE * step_seconds


def _run_seconds(folder: Path, *words: str) -> tuple[float, float]:
    """Time of the sample's main job, and its processor time, all of its processes together."""
    before, begun = _processor_seconds(), time.monotonic()
    command = [sys.executable, "-m", "tta_bench", "run", "protocol=ucf101_ft", "--work-dir", str(folder), *words]
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - begun, _processor_seconds() - before


def test_a_sample_run_takes_little_longer(tmp_path: Path) -> None:
    names = [name for name in ("tensorboard", "mlflow") if importlib.util.find_spec(name)]
    _run_seconds(tmp_path / "first", "train.epochs=2")  # makes the sample's videos
    shares: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for turn in range(TURNS):
        without = _run_seconds(tmp_path / f"without{turn}")
        for name in names:
            with_it = _run_seconds(tmp_path / f"{name}{turn}", f"runtime.logging={name}")
            shares[name].append((with_it[0] / without[0] - 1, with_it[1] / without[1] - 1))
            wall, processor = shares[name][-1]
            print(
                f"\n{name}: {wall:+.2%} of {without[0]:.1f} s, {processor:+.2%} of {without[1]:.1f} s of the processor"
            )
    for name, those in shares.items():
        wall, processor = (statistics.median(share) for share in zip(*those, strict=True))
        print(f"{name}: {wall:+.2%} of a sample run's time, {processor:+.2%} of its processor time: medians of {TURNS}")
        assert wall <= SHARE
