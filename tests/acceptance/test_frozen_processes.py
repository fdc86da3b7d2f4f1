"""Frozen backbones on 1 and 2 processes: the same features, heads and predictions, to the bit; and after a loss.

``pytest -s`` prints a line of each run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.acceptance.test_processes import TORCHRUN, ran
from tests.acceptance.test_stops import members, ranks
from tta_bench.records.store import load_records

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes there"),
]
HEADS = {
    "knn": (),
    "linear": ("linear.points=4", "linear.max_iter=20"),
    "probe": ("probe.epochs=2", "probe.batch=8", "probe.lrs=1e-3,1e-2", "probe.decays=0.01,0.1"),
}
SMALL = ("weights=none", "runtime.workers=1")
KILLED_AFTER = 6


def words(head: str) -> tuple[str, ...]:
    """Return the words of a small run."""
    return (f"protocol=ucf101_{head}", *SMALL, *HEADS[head])


def result(folder: Path) -> dict[str, Any]:
    """Return everything that a run made: features, head, grid and predictions."""
    (record,) = load_records(folder / "records")
    assert record.status == "success"
    features = {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("cache/features/encoded-*/*/*/*.npy")
    }
    (head,) = folder.glob("*/head.pt")
    parts = [ref.sha256 for ref in (record.predictions, record.outcomes) if ref is not None]
    return {
        "features": features,
        "head": torch.load(head, weights_only=True),  # noqa: TID251 - a file that this test made
        "predictions": parts,
        "grid": record.selection,
        "metrics": record.metrics,
    }


def require_same(one: Any, other: Any) -> None:
    """Compare two results to the bit."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            require_same(value, other[key])
    else:
        assert one == other


def measured(tmp_path: Path, name: str, *asked: str, launcher: tuple[str, ...] = ()) -> None:
    """Do a run in a folder and with a cache of its own, print its line, and compare it with the first one."""
    begun, here = time.perf_counter(), tmp_path / name
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TTA_BENCH_CACHE", str(here / "cache"))
        done = ran(here, *asked, launcher=launcher)
    assert done.returncode == 0, done.stderr
    require_same(result(tmp_path / "1"), result(here))
    print(f"| {name} | {time.perf_counter() - begun:.0f} s | equal |", flush=True)


@pytest.mark.parametrize("head", HEADS)
def test_processes_end_with_the_bits_of_one(tmp_path: Path, head: str) -> None:
    print(f"\n{head}")
    for devices in ("1", "2"):
        measured(tmp_path, devices, *words(head), f"runtime.devices={devices}")
    if head == "knn":
        measured(tmp_path, "torchrun with 2", *words(head), launcher=TORCHRUN)


def test_a_killed_rank_is_told_and_the_same_command_goes_on(tmp_path: Path) -> None:
    measured(tmp_path, "1", *words("linear"))
    folder = tmp_path / "killed"
    asked = (*words("linear"), "runtime.devices=2", "--work-dir", str(folder))
    process = subprocess.Popen(
        [sys.executable, "-m", "tta_bench", "run", *asked],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TTA_BENCH_CACHE": str(folder / "cache")},
    )
    try:
        while len([*folder.glob("cache/features/encoded-*/pooled/*/*.npy")]) < KILLED_AFTER:
            assert process.poll() is None
            time.sleep(0.005)
        os.kill(ranks(process.pid)[1], signal.SIGKILL)
        said = process.communicate(timeout=300)[1]
        left = members(process.pid)
    finally:
        for still in members(process.pid):
            os.kill(still, signal.SIGKILL)
    (record,) = load_records(folder / "records")
    assert (process.returncode, record.status, left) == (3, "error", [])
    told = "rank 1 was killed (SIGKILL): out of memory, perhaps."
    assert told in " ".join(said.split())
    assert "The same command goes on." in " ".join(said.split())
    kept = len([*folder.glob("cache/features/encoded-*/pooled/*/*.npy")])
    print(f"\n| SIGKILL to rank 1 of 2 | {kept} clips kept |")
    measured(tmp_path, "killed", *words("linear"), "runtime.devices=2")
