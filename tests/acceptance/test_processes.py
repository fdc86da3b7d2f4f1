"""One training on 1, 2 and 4 processes: the same weights, buffers, figures and predictions, to the bit.

``pytest -s`` prints a line of each run, as a table.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.records.store import load_records

pytestmark = [pytest.mark.acceptance, pytest.mark.long]

STEPS = ("limit=40", "train.steps=8", "train.views=2", "train.batch=8")
MIXED = (*STEPS, "train.mixup=0.8", "train.cutmix=1", "runtime.micro_batch=4")
VIT = ("protocol=ucf101_ft", *MIXED, "train.drop_path=0.2", "train.dropout=0.5")
REACTION = ("protocol=abaw_eri", "backbone=videomaev2_vit_tiny+egemaps", "limit=40", "train.steps=8", "train.batch=8")
RUNS = {
    "fine-tuning": ("protocol=ucf101_ft", *MIXED),
    "drop path and dropout": VIT,
    "batch norm": ("protocol=ucf101_ft", "backbone=resnet18", *MIXED, "train.norm_batch=4"),
    "pre-training": ("protocol=tta_pretrain", *STEPS, "runtime.micro_batch=4"),
    "reaction": (*REACTION, "runtime.micro_batch=2"),
}
CHECKPOINTED = ("drop path and dropout", "pre-training", "reaction")
SMALL = ("clip.size=16", "clip.frames=2")
"""Clips of convolutions in bfloat16, which most processors imitate: a step of the usual ones takes 117 s."""
PRECISIONS = ("fp32", "bf16")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


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
    assert figures.count(b"\n") == 8


def measured(tmp_path: Path, name: str, *words: str, launcher: tuple[str, ...] = ()) -> None:
    """Do a run, print its line, and compare it with the first one."""
    begun, here = time.perf_counter(), tmp_path / name
    done = ran(here, *words, launcher=launcher)
    assert done.returncode == 0, done.stderr
    require_equal(tmp_path / "1", here)
    print(f"| {name} | {time.perf_counter() - begun:.0f} s | equal: {len(result(here)[0])} tensors |", flush=True)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", RUNS)
def test_processes_end_with_the_bits_of_one(tmp_path: Path, name: str, precision: str) -> None:
    imitated = SMALL if (name, precision) == ("batch norm", "bf16") else ()
    words = (*RUNS[name], *imitated, f"precision={precision}")
    print(f"\n{name}, {precision}")
    for devices in ("1", "2", "4"):
        measured(tmp_path, devices, *words, f"runtime.devices={devices}")
    if name in CHECKPOINTED:
        for devices in ("1", "2", "4"):
            again = ("runtime.checkpointing=true", f"runtime.devices={devices}")
            measured(tmp_path, f"{devices} with checkpointing", *words, *again)


def test_torchrun_ends_with_the_bits_of_one(tmp_path: Path) -> None:
    words = RUNS["fine-tuning"]
    print("\ntorchrun")
    for folder, launcher in (("1", ()), ("torchrun with 2", TORCHRUN)):
        measured(tmp_path, folder, *words, launcher=launcher)
    refused = ran(tmp_path / "no", *words, "runtime.devices=4", launcher=TORCHRUN)
    assert "torchrun started 2 processes and runtime.devices=4 was said." in refused.stderr


def test_an_odd_list_is_scored_as_by_one(tmp_path: Path) -> None:
    words = (*RUNS["fine-tuning"][:1], "limit=41", *RUNS["fine-tuning"][2:])
    print("\nan odd list")
    for folder in ("1", "2"):
        measured(tmp_path, folder, *words, f"runtime.devices={folder}")
        (record,) = load_records(tmp_path / folder / "records")
        assert record.n_scored == record.n_expected == 41
