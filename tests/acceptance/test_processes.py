"""One training on 1, 2 and 4 processes: the same weights, buffers, figures and predictions, to the bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.records.store import load_records

pytestmark = [pytest.mark.acceptance, pytest.mark.long]

STEPS = ("limit=40", "train.steps=4", "train.batch=8", "runtime.micro_batch=4")
VIEWS = ("train.views=2", "train.mixup=0.8", "train.cutmix=1")
RUNS = {
    "fine-tuning": ("protocol=ucf101_ft", *STEPS, *VIEWS),
    "bfloat16": ("protocol=ucf101_ft", *STEPS, *VIEWS, "precision=bf16"),
    "batch norm": ("protocol=ucf101_ft", "backbone=resnet18", *STEPS, *VIEWS, "train.norm_batch=4"),
    "pre-training": ("protocol=tta_pretrain", *STEPS, "train.views=2"),
    "reaction": ("protocol=abaw_eri", "backbone=videomaev2_vit_tiny+egemaps", *STEPS[:3], "runtime.micro_batch=2"),
}


def ran(work_dir: Path, *words: str, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the command with one thread a process."""
    command = [sys.executable, *launcher, "-m", "tta_bench", "run", *words, "--work-dir", str(work_dir)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def result(work_dir: Path) -> tuple[dict[str, Any], bytes, list[str]]:
    """Return the weights of a run, its figures, and the digests of its predictions."""
    (path,) = work_dir.glob("*/checkpoint.pt")
    (record,) = load_records(work_dir / "records")
    digests = [ref.sha256 for ref in (record.predictions, record.outcomes) if ref is not None]
    return read_checkpoint(path)["model"], (path.parent / "metrics.jsonl").read_bytes(), digests


def require_equal(one: Path, other: Path) -> None:
    """Compare two runs to the bit."""
    (model, figures, digests), (theirs, *rest) = result(one), result(other)
    assert model.keys() == theirs.keys()
    assert [name for name in model if not torch.equal(model[name], theirs[name])] == []
    assert rest == [figures, digests]


@pytest.mark.parametrize("name", RUNS)
def test_processes_end_with_the_bits_of_one(tmp_path: Path, name: str) -> None:
    for devices in (1, 2, 4):
        done = ran(tmp_path / str(devices), *RUNS[name], f"runtime.devices={devices}")
        assert done.returncode == 0, done.stderr
        require_equal(tmp_path / "1", tmp_path / str(devices))


def test_an_odd_list_and_torchrun_are_scored_as_by_one(tmp_path: Path) -> None:
    words = ("protocol=ucf101_ft", "limit=41", *STEPS[1:], *VIEWS)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    for folder, more, starts in (("1", (), ()), ("2", ("runtime.devices=2",), ()), ("t", (), launcher)):
        done = ran(tmp_path / folder, *words, *more, launcher=starts)
        assert done.returncode == 0, done.stderr
        require_equal(tmp_path / "1", tmp_path / folder)
    refused = ran(tmp_path / "no", *words, "runtime.devices=4", launcher=launcher)
    assert "torchrun started 2 processes and runtime.devices=4 was said." in refused.stderr
