"""Preflight: what would fail after hours fails now. One training step, one test batch, one checkpoint, the disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.optim import OptimWrapper

from tta_bench.data.loading import StepBatches, TestClips, TrainClips, train_loader
from tta_bench.engine.device import ResolvedPrecision
from tta_bench.engine.fine_tune import make_optimizer
from tta_bench.engine.step import FineTuneStep
from tta_bench.engine.testing import average_views
from tta_bench.errors import UserError
from tta_bench.models.checkpoints import read_checkpoint, save_checkpoint
from tta_bench.progress import console


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
    seconds, wrapper = _try_step(step, train, precision)
    state = {"model": step.classifier.state_dict(), "optimizer": wrapper.state_dict()}
    checkpoint = _try_checkpoint(folder, state)
    return Estimate(seconds, _try_test(step, test, precision), checkpoint, shutil.disk_usage(folder).free)


def _try_step(step: FineTuneStep, clips: TrainClips, precision: ResolvedPrecision) -> tuple[float, OptimWrapper]:
    """Do a step of learning rate 0 on one micro-batch; return its seconds for a clip, and the optimizer it filled."""
    train, seed = step.settings.train, step.settings.seed
    wrapper, _ = make_optimizer(step, precision)
    for group in wrapper.optimizer.param_groups:
        group["lr"] = 0.0
    videos = max(1, step.settings.micro_batch // train.views)
    videos = min(train.batch, videos + videos * train.views % 2)  # mixing needs pairs of clips
    batch = next(iter(train_loader(clips, StepBatches(len(clips), videos, 0, 1, seed), 0, pin=False)))
    step.train()
    begun = time.perf_counter()
    step.train_step(batch, wrapper)
    return (time.perf_counter() - begun) / (videos * train.views), wrapper


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
