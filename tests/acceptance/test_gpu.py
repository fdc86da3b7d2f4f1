"""Runs on a CUDA device: each protocol, each precision, compiled and not; equal runs, and one that goes on, to the bit.

``make check-gpu`` runs them with the other tests that are marked ``gpu``; elsewhere tests see no GPU.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.records.schema import Record
from tta_bench.records.store import load_records

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
STEPS = 60
SHORT = ("train.steps=4", "eval.segments=1", "eval.crops=1")


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start a run in a work folder."""
    command = [sys.executable, "-m", "tta_bench", "run", *words, "--work-dir", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def ran(folder: Path, *words: str) -> Record:
    """Run in a work folder and return the run's record."""
    process = started(folder, *words)
    said = process.communicate(timeout=400)[1]
    assert process.returncode == 0, said
    (record,) = load_records(folder / "records")
    return record


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return what a training left."""
    (path,) = folder.glob("*/checkpoint.pt")
    found: dict[str, torch.Tensor] = read_checkpoint(path)["model"]
    return found


def test_equal_runs_and_one_that_goes_on_end_with_equal_bits(tmp_path: Path) -> None:
    words = ("protocol=ucf101_ft", "phase=train", f"train.steps={STEPS}", "runtime.deterministic=true")
    process = started(tmp_path / "stopped", *words)
    while sum(path.read_bytes().count(b"\n") for path in (tmp_path / "stopped").glob("*/metrics.jsonl")) < STEPS // 4:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert "The same command goes on from here" in process.communicate(timeout=60)[1]
    both = [started(tmp_path / name, *words) for name in ("whole", "stopped")]
    for each in both:
        assert not each.communicate(timeout=400)[1].count("error:")
    whole, stopped = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert all(torch.equal(whole[name], tensor) for name, tensor in stopped.items())


@pytest.mark.parametrize(
    "words",
    [
        ("protocol=ucf101_ft", *SHORT),
        ("protocol=ucf101_ft", *SHORT, "precision=fp16"),
        ("protocol=ucf101_ft", *SHORT, "precision=fp32", "runtime.compile=true"),
        ("protocol=ucf101_ft", *SHORT, "backbone=resnet18", "runtime.deterministic=true"),
        ("protocol=tta_pretrain", "train.steps=4"),
        ("protocol=tta_pretrain", "train.steps=4", "runtime.compile=true"),
        ("protocol=ucf101_linear",),
        ("protocol=ucf101_knn",),
        ("protocol=ucf101_probe", "probe.epochs=1"),
        ("protocol=abaw_eri", "train.steps=4"),
    ],
    ids=lambda words: " ".join(words),
)
def test_a_run_takes_the_gpu_and_says_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    record = ran(tmp_path, *words)
    assert record.status == "success"
    assert record.environment.device == torch.cuda.get_device_name()
    assert record.identity.precision == next((w[10:] for w in words if w.startswith("precision=")), "bf16")
    assert all(phase.peak_memory_bytes for phase in record.phases if phase.name == "train")
