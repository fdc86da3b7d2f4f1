"""Fine-tune a classifier with MMEngine's Runner, from the start or from where a checkpoint left off."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import nn

from tta_bench.data.loading import StepBatches, TrainClips, train_loader
from tta_bench.engine.device import ResolvedPrecision, peak_memory, wrap_optimizer
from tta_bench.engine.hooks import CheckpointHook, LearningRateHook, MetricsHook
from tta_bench.engine.layer_decay import parameter_groups
from tta_bench.engine.loop import StepLoop
from tta_bench.engine.schedule import scaled
from tta_bench.engine.step import FineTuneStep
from tta_bench.errors import UserError
from tta_bench.models.checkpoints import save_checkpoint
from tta_bench.settings import RuntimeSettings, TrainSettings

OWN_HOOKS = ("runtime_info", "timer", "sampler_seed", "logger", "param_scheduler", "checkpoint")
"""MMEngine's default hooks; ours take their place."""


@dataclass(frozen=True)
class Plan:
    """How long a fine-tune is, in optimisation steps."""

    per_epoch: int
    warmup: int
    total: int


@dataclass(frozen=True)
class TrainReport:
    """What a fine-tune took."""

    steps: int
    """Steps done now; fewer than the plan's when training was continued."""
    clips: int
    """Clips seen in these steps."""
    seconds: float
    waiting: float
    """Seconds spent waiting for data."""
    peak_memory: int
    """Bytes."""
    layer_source: str
    """Where the layers of layer decay came from."""


def plan_steps(videos: int, train: TrainSettings) -> Plan:
    """Return the steps of a recipe over a training list; whole batches only, as in the official loaders.

    Raises:
        UserError: The list is shorter than one batch, or the recipe says neither steps nor epochs.
    """
    per_epoch = videos // train.batch
    if per_epoch == 0:
        raise UserError(
            f"the training list has {videos} videos and a step takes {train.batch}.",
            f"Raise limit, or try train.batch={max(1, videos)}.",
        )
    if train.steps is None and train.epochs is None:
        raise UserError("the recipe says neither train.steps nor train.epochs.")
    total = train.steps or (train.epochs or 0) * per_epoch
    return Plan(per_epoch, round(train.warmup * total), total)


class BenchRunner(Runner):  # type: ignore[misc]
    """MMEngine's Runner on a device of our choice; the record, not a config file, says what was run."""

    device: torch.device

    def wrap_model(self, model_wrapper_cfg: Any, model: nn.Module) -> nn.Module:
        """Return the model on the device; it is there already."""
        return model

    def dump_config(self) -> None:
        """Write nothing."""


def make_optimizer(step: FineTuneStep, precision: ResolvedPrecision) -> tuple[OptimWrapper, str]:
    """Return AdamW over layer-decay groups, wrapped for the precision, and where the layers came from."""
    to = step.settings
    groups, source = parameter_groups(step.classifier, to.train.weight_decay, to.train.layer_decay)
    optimizer = torch.optim.AdamW(groups, lr=scaled(to.train.lr, to.train.batch), betas=to.train.betas)
    return wrap_optimizer(optimizer, precision, to.device, to.train.clip_grad), source


def fine_tune(
    step: FineTuneStep,
    clips: TrainClips,
    precision: ResolvedPrecision,
    runtime: RuntimeSettings,
    workers: int,
    folder: Path,
    meta: Mapping[str, Any],
    resume: Mapping[str, Any] | None,
) -> TrainReport:
    """Train and leave ``checkpoint.pt`` and ``metrics.jsonl`` in a folder.

    Args:
        step: The classifier with its training step, on its device.
        clips: Training clips.
        precision: Resolved precision.
        runtime: Time between checkpoints.
        workers: Loader processes.
        folder: Where the checkpoint and the metrics go.
        meta: Said in the checkpoint beside weights and optimizer.
        resume: A checkpoint of the same training to go on from.

    Raises:
        Diverged: Loss or gradient is not finite.
        Stopped: A signal asked for a stop; the checkpoint is written.
    """
    train, device = step.settings.train, step.settings.device
    plan = plan_steps(len(clips), train)
    wrapper, source = make_optimizer(step, precision)
    first = 0
    if resume is not None:
        first = int(resume["step"])
        step.classifier.load_state_dict(resume["model"])
        if resume["optimizer"] is not None:
            wrapper.load_state_dict(dict(resume["optimizer"]))
    if first >= plan.total:
        return TrainReport(0, 0, 0.0, 0.0, 0, source)

    def save(runner: Runner) -> None:
        done = runner.iter == plan.total
        state = {
            **meta,
            "step": runner.iter,
            "model": step.classifier.state_dict(),
            "optimizer": None if done else wrapper.state_dict(),
        }
        save_checkpoint(folder / "checkpoint.pt", state)

    per_step = train.batch * train.views
    metrics = MetricsHook(folder / "metrics.jsonl", "train", per_step)
    checkpoints = CheckpointHook(save, runtime.checkpoint_minutes)
    rates = LearningRateHook(scaled(train.lr, train.batch), scaled(train.min_lr, train.batch), plan.warmup, plan.total)
    batches = StepBatches(len(clips), train.batch, first, plan.total, step.settings.seed)
    runner = BenchRunner(
        model=step,
        work_dir=str(folder / "mmengine"),
        train_dataloader=train_loader(clips, batches, workers, pin=device.type == "cuda"),
        train_cfg={"type": StepLoop, "first": first, "last": plan.total, "per_epoch": plan.per_epoch},
        optim_wrapper=wrapper,
        default_hooks=dict.fromkeys(OWN_HOOKS),
        custom_hooks=[rates, metrics, checkpoints],
        visualizer={"type": "Visualizer", "vis_backends": []},
        randomness={"seed": step.settings.seed},
        log_level=logging.WARNING,
        experiment_name=f"{folder.name}-{time.time_ns()}",
    )
    begun = time.perf_counter()
    try:
        runner.train()
    finally:
        metrics.close()
        checkpoints.close()
    return TrainReport(
        steps=plan.total - first,
        clips=(plan.total - first) * per_step,
        seconds=time.perf_counter() - begun,
        waiting=runner.train_loop.seconds_waiting,
        peak_memory=peak_memory(device),
        layer_source=source,
    )
