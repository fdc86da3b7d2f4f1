"""A training with MMEngine's Runner, from the start or from where a checkpoint left off; whatever is trained."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from tta_bench.data.loading import KeyedDataset, StepBatches, train_loader
from tta_bench.engine.device import peak_memory
from tta_bench.engine.hooks import CheckpointHook, LearningRateHook, MetricsHook
from tta_bench.engine.step import TrainStep
from tta_bench.errors import UserError
from tta_bench.experiments.common import RuntimeSettings
from tta_bench.models.checkpoints.read import save_checkpoint

OWN_HOOKS = ("runtime_info", "timer", "sampler_seed", "logger", "param_scheduler", "checkpoint")
"""MMEngine's default hooks; ours take their place."""


class Schedule(Protocol):
    """What a recipe says about how long training is."""

    @property
    def batch(self) -> int:
        """Videos in one optimisation step."""

    @property
    def epochs(self) -> int | None:
        """Passes over the training list."""

    @property
    def steps(self) -> int | None:
        """Optimisation steps; goes before ``epochs``."""

    @property
    def warmup(self) -> float:
        """Share of the steps in which the learning rate rises."""


@dataclass(frozen=True)
class Plan:
    """How long a training is, in optimisation steps."""

    per_epoch: int
    warmup: int
    total: int


@dataclass(frozen=True)
class Training:
    """What learns, from what, and how fast."""

    step: TrainStep[Any, Any]
    """Its attribute ``step`` is set before each."""
    model: nn.Module
    """What the checkpoint keeps."""
    optimizer: OptimWrapper
    clips: KeyedDataset[Any]
    """The training list."""
    batch: int
    """Videos in a step."""
    views: int
    """Clips of a video in a step."""
    plan: Plan
    rates: tuple[float, float]
    """Highest and last learning rate, scaled to the batch."""
    seed: int
    device: torch.device
    title: str
    """Of the progress bar."""


@dataclass(frozen=True)
class TrainReport:
    """What a training took."""

    steps: int
    """Steps done now; fewer than the plan's when training was continued."""
    clips: int
    """Clips seen in these steps."""
    seconds: float
    waiting: float
    """Seconds spent waiting for data."""
    peak_memory: int
    """Bytes."""


def plan_steps(videos: int, recipe: Schedule) -> Plan:
    """Return the steps of a recipe over a training list; whole batches only, as in the official loaders.

    Raises:
        UserError: The list is shorter than one batch, or the recipe says neither steps nor epochs.
    """
    per_epoch = videos // recipe.batch
    if per_epoch == 0:
        raise UserError(
            f"the training list has {videos} videos and a step takes {recipe.batch}.",
            f"Raise limit, or try train.batch={max(1, videos)}.",
        )
    if recipe.steps is None and recipe.epochs is None:
        raise UserError("the recipe says neither train.steps nor train.epochs.")
    total = recipe.steps or (recipe.epochs or 0) * per_epoch
    return Plan(per_epoch, round(recipe.warmup * total), total)


class BenchRunner(Runner):  # type: ignore[misc]
    """MMEngine's Runner on a device of our choice; the record, not a config file, says what was run."""

    device: torch.device

    def wrap_model(self, model_wrapper_cfg: Any, model: nn.Module) -> nn.Module:
        """Return the model on the device; it is there already."""
        return model

    def dump_config(self) -> None:
        """Write nothing."""


def train(
    to: Training,
    runtime: RuntimeSettings,
    workers: int,
    folder: Path,
    meta: Mapping[str, Any],
    resume: Mapping[str, Any] | None,
) -> TrainReport:
    """Train and leave ``checkpoint.pt`` and ``metrics.jsonl`` in a folder.

    Args:
        to: What to train; the model is on its device.
        runtime: Time between checkpoints.
        workers: Loader processes.
        folder: Where the checkpoint and the metrics go.
        meta: Said in the checkpoint beside weights and optimizer.
        resume: A checkpoint of the same training to go on from.

    Raises:
        Diverged: Loss or gradient is not finite.
        Stopped: A signal asked for a stop; the checkpoint is written.
    """
    plan, first = to.plan, 0
    if resume is not None:
        first = int(resume["step"])
        to.model.load_state_dict(resume["model"])
        if resume["optimizer"] is not None:
            to.optimizer.load_state_dict(dict(resume["optimizer"]))
    if first >= plan.total:
        return TrainReport(0, 0, 0.0, 0.0, 0)

    def save(runner: Runner) -> None:
        done = runner.iter == plan.total
        state = {
            **meta,
            "step": runner.iter,
            "model": to.model.state_dict(),
            "optimizer": None if done else to.optimizer.state_dict(),
        }
        save_checkpoint(folder / "checkpoint.pt", state)

    metrics = MetricsHook(folder / "metrics.jsonl", to.title, to.batch * to.views)
    checkpoints = CheckpointHook(save, runtime.checkpoint_minutes)
    batches = StepBatches(len(to.clips), to.batch, first, plan.total, to.seed)
    runner = BenchRunner(
        model=to.step,
        work_dir=str(folder / "mmengine"),
        train_dataloader=train_loader(to.clips, batches, workers, pin=to.device.type == "cuda"),
        train_cfg={"type": StepLoop, "first": first, "last": plan.total, "per_epoch": plan.per_epoch},
        optim_wrapper=to.optimizer,
        default_hooks=dict.fromkeys(OWN_HOOKS),
        custom_hooks=[LearningRateHook(*to.rates, plan.warmup, plan.total), metrics, checkpoints],
        visualizer={"type": "Visualizer", "vis_backends": []},
        randomness={"seed": to.seed},
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
        clips=(plan.total - first) * to.batch * to.views,
        seconds=time.perf_counter() - begun,
        waiting=runner.train_loop.seconds_waiting,
        peak_memory=peak_memory(to.device),
    )


class StepLoop(BaseLoop):  # type: ignore[misc]
    """Train from step ``first`` to step ``last``.

    MMEngine's own loops restart an interrupted epoch, or fetch and drop what was consumed; here the loader's sampler
    starts where training stopped, because batches are keyed by step.

    Args:
        runner: The runner.
        dataloader: Yields the batches of the steps that are left.
        first: First step.
        last: Step to stop before.
        per_epoch: Steps in an epoch.
    """

    def __init__(self, runner: Runner, dataloader: DataLoader[Any], first: int, last: int, per_epoch: int) -> None:
        super().__init__(runner, dataloader)
        self.step, self.last, self.per_epoch = first, last, per_epoch
        self.seconds_waiting = 0.0
        self.stop_training = False

    @property
    def iter(self) -> int:
        """The number of steps done (MMEngine's name for it)."""
        return self.step

    @property
    def epoch(self) -> int:
        """The epoch of the next step."""
        return self.step // self.per_epoch

    @property
    def max_iters(self) -> int:
        """The step that training stops before."""
        return self.last

    @property
    def max_epochs(self) -> int:
        """The number of epochs begun when training ends."""
        return -(-self.last // self.per_epoch)

    def run(self) -> Any:
        """Do the steps that are left, with the runner's hooks around each."""
        self.runner.call_hook("before_train")
        self.runner.model.train()
        batches = iter(self.dataloader)
        while self.step < self.last and not self.stop_training:
            asked = time.perf_counter()
            batch = next(batches)
            self.seconds_waiting += time.perf_counter() - asked
            self.runner.call_hook("before_train_iter", batch_idx=self.step, data_batch=batch)
            result = self.runner.model.train_step(batch, self.runner.optim_wrapper)
            self.step += 1
            self.runner.call_hook("after_train_iter", batch_idx=self.step - 1, data_batch=batch, outputs=result)
        self.runner.call_hook("after_train")
        return self.runner.model
