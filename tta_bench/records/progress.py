"""Progress of trainings in a work folder: step, rate, time left and the process at work, from small files only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tta_bench.records.claims import look
from tta_bench.records.status import LEASE
from tta_bench.utils.files import write_atomic
from tta_bench.utils.progress import clock

PLAN = "plan.json"
"""File in a training's folder, written when a process begins to train: the experiment, and its steps."""
TAIL_BYTES = 4096
"""Bytes at the end of a log in which its last whole line stands."""


class Progress(NamedTuple):
    """State of a training."""

    step: int
    """Steps that are done."""
    steps: int
    """Steps of the whole training."""
    rate: float | None
    """Steps in a second since the process that trains began; None before its first."""
    silence: float | None
    """Seconds since the process at work was last heard of; None where none is."""

    def __str__(self) -> str:
        """Return the progress in words, as in ``step 120 of 400, 2.1 steps/s, 0:02:13 left; heard of 3 s ago``."""
        said = [f"step {self.step:,} of {self.steps:,}"]
        at_work = self.silence is not None and self.silence <= LEASE.total_seconds()
        if self.rate and at_work and self.step < self.steps:
            said += [f"{self.rate:.3g} steps/s", f"{clock((self.steps - self.step) / self.rate)} left"]
        if self.silence is None:
            return f"{', '.join(said)}; nobody works on it"
        heard = f"heard of {self.silence:,.0f} s ago"
        return f"{', '.join(said)}; {heard}" if at_work else f"{', '.join(said)}; claimed, but last {heard}"


def write_plan(folder: Path, record: str, first: int, steps: int) -> None:
    """Note in a training's folder that a process begins to train.

    Args:
        folder: Folder of the training.
        record: Name of the experiment's record.
        first: First step of this process.
        steps: Steps of the whole training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / PLAN, (json.dumps({"record": record, "first": first, "steps": steps}) + "\n").encode())


def trainings(work_dir: Path) -> Iterator[tuple[str, Progress]]:
    """Yield the name of a record, and its progress, for each training of a work folder that has begun."""
    for plan in sorted(work_dir.glob(f"*/{PLAN}")):
        try:
            said = json.loads(plan.read_text(encoding="utf-8"))
            record, first, steps = str(said["record"]), int(said["first"]), int(said["steps"])
            began = plan.stat().st_mtime
        except (OSError, ValueError, TypeError, LookupError):
            continue  # of another version, or just being removed
        step, written = _last_step(plan.parent / "metrics.jsonl")
        step, seconds = max(step, first), written - began
        rate = (step - first) / seconds if step > first and seconds > 0 else None
        claim = look(plan.parent / "claim.json")
        yield record, Progress(step, steps, rate, None if claim is None else claim.silence)


def _last_step(log: Path) -> tuple[int, float]:
    """Return the number of steps in a log, from its last whole line, and the time at which it was written."""
    try:
        with log.open("rb") as file:
            written = os.fstat(file.fileno()).st_mtime
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            tail = file.read()
    except OSError:
        return 0, 0.0
    for line in reversed(tail.splitlines()):
        try:
            return int(json.loads(line)["step"]) + 1, written
        except (ValueError, TypeError, LookupError):
            continue
    return 0, written
