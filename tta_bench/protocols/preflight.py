"""Preflight: what would fail after hours fails now. One training step, one test batch, one checkpoint, the disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tta_bench.data.loading import StepBatches, TestClips, TrainClips, train_loader
from tta_bench.engine.device import ResolvedPrecision
from tta_bench.engine.fine_tune import fine_tuning
from tta_bench.engine.step import FineTuneStep
from tta_bench.engine.testing import average_views
from tta_bench.engine.training import Training
from tta_bench.errors import UserError
from tta_bench.models.checkpoints import read_checkpoint, save_checkpoint
from tta_bench.progress import console


@dataclass(frozen=True)
class Trial:
    """What one small step and one checkpoint took."""

    seconds_per_clip: float
    checkpoint_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class Estimate:
    """What the preflight measured, for the plan."""

    seconds_per_training_clip: float
    seconds_per_test_video: float
    checkpoint_bytes: int
    free_bytes: int


def preflight(
    step: FineTuneStep, train: TrainClips, test: TestClips, precision: ResolvedPrecision, folder: Path
) -> Estimate:
    """Try everything that a run does, once and small, on a model that is thrown away afterwards.

    Raises:
        UserError: The disk is too full for a checkpoint.
        BenchError: Whatever the step or the test raises.
    """
    console.print("preflight: one step, one test video, one checkpoint", style="dim")
    tried = try_training(fine_tuning(step, train, precision), step.settings.micro_batch, folder)
    return Estimate(tried.seconds_per_clip, _try_test(step, test, precision), tried.checkpoint_bytes, tried.free_bytes)


def try_training(to: Training, micro_batch: int, folder: Path) -> Trial:
    """Do one small step of learning rate 0, and write a checkpoint and read it back.

    Raises:
        UserError: The disk is too full for a checkpoint.
        BenchError: Whatever the step raises.
    """
    seconds = _try_step(to, micro_batch)
    state = {"model": to.model.state_dict(), "optimizer": to.optimizer.state_dict()}
    return Trial(seconds, _try_checkpoint(folder, state), shutil.disk_usage(folder).free)


def _try_step(to: Training, micro_batch: int) -> float:
    """Do a step of learning rate 0 on one micro-batch and return its seconds for a clip."""
    for group in to.optimizer.optimizer.param_groups:
        group["lr"] = 0.0
    videos = max(1, micro_batch // to.views)
    videos = min(to.batch, videos + videos * to.views % 2)  # mixing needs pairs of clips
    batch = next(iter(train_loader(to.clips, StepBatches(len(to.clips), videos, 0, 1, to.seed), 0, pin=False)))
    to.step.train()
    begun = time.perf_counter()
    to.step.train_step(batch, to.optimizer)  # type: ignore[operator]
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


def _try_test(step: FineTuneStep, clips: TestClips, precision: ResolvedPrecision) -> float:
    """Test the first video and return the seconds it took."""
    to = step.settings
    begun = time.perf_counter()
    views = clips[0]["clips"].unsqueeze(0)
    step.classifier.eval()
    average_views(step.classifier, views, to.mean, to.std, to.device, precision, to.micro_batch)
    return time.perf_counter() - begun
