"""Preflight: what would fail after hours fails now. One training step, one checkpoint, the disk, one test."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tta_bench.data.loading import StepBatches, train_loader
from tta_bench.engine.training import Training
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import read_checkpoint, save_checkpoint


@dataclass(frozen=True)
class Estimate:
    """What one small step, one test and one checkpoint took, for the plan."""

    seconds_per_training_clip: float
    seconds_per_test_video: float
    checkpoint_bytes: int
    free_bytes: int


def preflight(to: Training, try_test: Callable[[], None], micro_batch: int, folder: Path) -> Estimate:
    """Do one small step of learning rate 0, write a checkpoint and read it back, and test one clip.

    Args:
        to: The training, of a model that is thrown away afterwards.
        try_test: Tests one clip.
        micro_batch: Clips in the step.
        folder: Where checkpoints will go.

    Raises:
        UserError: The disk is too full for a checkpoint.
        BenchError: Whatever the step or the test raises.
    """
    step = _try_step(to, micro_batch)
    size = _try_checkpoint(folder, {"model": to.model.state_dict(), "optimizer": to.optimizer.state_dict()})
    begun = time.perf_counter()
    try_test()
    return Estimate(step, time.perf_counter() - begun, size, shutil.disk_usage(folder).free)


def _try_step(to: Training, micro_batch: int) -> float:
    """Do a step of learning rate 0 on one micro-batch and return its seconds for a clip."""
    for group in to.optimizer.optimizer.param_groups:
        group["lr"] = 0.0
    videos = max(1, micro_batch // to.views)
    videos = min(to.batch, videos + videos * to.views % 2)  # mixing needs pairs of clips
    batch = next(iter(train_loader(to.clips, StepBatches(len(to.clips), videos, 0, 1, to.seed), 0, pin=False)))
    to.step.train()
    begun = time.perf_counter()
    to.step.train_step(batch, to.optimizer)
    return (time.perf_counter() - begun) / (videos * to.views)


def _try_checkpoint(folder: Path, state: Mapping[str, Any]) -> int:
    """Write a checkpoint, read it back, and return its size in bytes.

    Raises:
        UserError: There is no room for it. While one is replaced there are two.
    """
    needed = 2 * 3 * sum(tensor.nbytes for tensor in state["model"].values())  # AdamW keeps two more of each
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{free / 1e9:.1f} GB are free where checkpoints go, and {needed / 1e9:.1f} GB are needed.",
            "Make room, or choose another --work-dir.",
        )
    trial = folder / "preflight.pt"
    try:
        save_checkpoint(trial, state)
        read_checkpoint(trial)
        return trial.stat().st_size
    finally:
        trial.unlink(missing_ok=True)
