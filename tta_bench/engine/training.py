"""The training loop: from the first step, or from a checkpoint, to the last."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from tta_bench.data.loading import KeyedDataset, bytes_of
from tta_bench.data.slices import part_loader
from tta_bench.data.step_order import Part, StepBatches, parts_of_step
from tta_bench.engine.memory import freed_kept
from tta_bench.engine.metrics_log import MetricsLog, Send, nobody
from tta_bench.engine.moving import Ahead
from tta_bench.engine.optimizer import Groups, Optimizer, OptimizerSettings
from tta_bench.engine.running_statistics import require_shared_buffers, require_shared_norms
from tta_bench.engine.schedule import Plan, Schedule, learning_rate, plan_steps
from tta_bench.engine.step import AnyStep
from tta_bench.engine.stop import Stopped, StopRequest
from tta_bench.engine.timing import TimedBatches, Timing, shared_timing
from tta_bench.engine.training_state import save_state
from tta_bench.engine.watch import Watch
from tta_bench.engine.world import PeerFailed, World


class TrainingRecipe(Schedule, OptimizerSettings, Protocol):
    """The part of a recipe that any training has."""

    @property
    def lr(self) -> float:
        """Highest learning rate."""

    @property
    def min_lr(self) -> float:
        """Learning rate at the end."""


@dataclass(frozen=True)
class Training:
    """A model, its data and its schedule, ready for `train`."""

    step: AnyStep
    """The training step, on its device, with recipe, seed and micro-batch."""
    model: nn.Module
    """The part of the step that a checkpoint keeps."""
    optimizer: Optimizer
    clips: KeyedDataset[Any]
    """The training list."""
    views: int
    """Clips of a video in a step."""
    plan: Plan
    rates: tuple[float, float]
    """Highest and last learning rate."""
    title: str
    """Title of the progress bar."""
    watch: Watch | None = None
    """A look at the model now and then."""

    @classmethod
    def of(
        cls,
        step: AnyStep,
        model: nn.Module,
        groups: Groups,
        clips: KeyedDataset[Any],
        views: int = 1,
        rate_factor: float = 1.0,
        title: str = "train",
    ) -> Training:
        """Return the training of a step's recipe.

        Args:
            step: The training step, on its device.
            model: The part of it that a checkpoint keeps.
            groups: Parameter groups for the optimizer.
            clips: The training list.
            views: Clips of a video in a step.
            rate_factor: Factor on the recipe's learning rates.
            title: Title of the progress bar.

        Raises:
            UserError: There are fewer clips than a step takes, the recipe does not give its length, or there is no
                optimizer of that name.
        """
        recipe: TrainingRecipe = step.settings.train
        optimizer = Optimizer(groups, recipe, step.settings.machine)
        rates = recipe.lr * rate_factor, recipe.min_lr * rate_factor
        return cls(step, model, optimizer, clips, views, plan_steps(len(clips), recipe), rates, title)

    @property
    def world(self) -> World:
        """The processes that share it."""
        return self.step.settings.machine.world

    @property
    def batch(self) -> int:
        """Videos in a step."""
        return int(self.step.settings.train.batch)

    def parts(self) -> list[Part]:
        """Return the parts of a step."""
        order = self.step.order(self.batch * self.views)
        return parts_of_step(order, self.step.settings.micro_batch, self.views)

    def loader(self, batches: StepBatches) -> Iterable[Any]:
        """Return the loader of this process's parts of some steps."""
        machine = self.step.settings.machine
        size = bytes_of(self.clips[next(iter(batches))[0]]) if machine.workers and len(batches) else 0
        return part_loader(self.clips, batches, self.own_parts(), machine.workers, machine.pin, size)

    def own_parts(self) -> list[Part]:
        """Return the parts of a step that this process does."""
        parts = self.parts()
        return [parts[number] for number in self.world.shares(len(parts))[self.world.rank]]

    def restore(self, checkpoint: Mapping[str, Any] | None) -> int:
        """Load a checkpoint of this training, if there is one, and return the step to go on with."""
        if checkpoint is None:
            return 0
        self.model.load_state_dict(checkpoint["model"])
        if checkpoint["optimizer"] is not None:
            self.optimizer.load_state_dict(checkpoint["optimizer"])
        return int(checkpoint["step"])

    def save(self, path: Path, step: int, meta: Mapping[str, Any]) -> None:
        """Write a checkpoint after some steps; after the last, the optimizer's state is left out."""
        optimizer = None if step == self.plan.total else self.optimizer.state_dict()
        save_state(path, {**meta, "step": step, "model": self.model.state_dict(), "optimizer": optimizer})


def train(
    training: Training,
    folder: Path,
    meta: Mapping[str, Any],
    resume: Mapping[str, Any] | None,
    checkpoint_minutes: float = 10.0,
    require: Callable[[], None] = lambda: None,
    send: Send = nobody,
) -> Timing:
    """Train and leave ``checkpoint.pt`` and ``metrics.jsonl`` in a folder.

    Args:
        training: The training; its model is on its device.
        folder: Folder for the checkpoint and the metrics.
        meta: Entries of the checkpoint beside step, weights and optimizer.
        resume: A checkpoint of the same training to go on from.
        checkpoint_minutes: Time between checkpoints.
        require: Raises if another process has taken the training over; called before a checkpoint is written.
        send: Takes each line of the metrics besides.

    Raises:
        Diverged: Loss or gradient is not finite.
        Stopped: A signal asked a process for a stop; the checkpoint is written.
    """
    step, plan, settings = training.step, training.plan, training.step.settings
    first, clips = training.restore(resume), training.batch * training.views
    known = None if resume is None else resume.get("figures")
    path = folder / "metrics.jsonl" if training.world.is_first else None
    log = MetricsLog(path, training.title, first, plan.total, clips, known, plan.per_epoch, send)
    if first >= plan.total:
        log.restore()
        return Timing()
    order = StepBatches(len(training.clips), training.batch, first, plan.total, settings.seed)
    batches = TimedBatches(training.loader(order), settings.machine)
    own, count, world = training.own_parts(), len(training.parts()), training.world

    def save(done: int) -> None:
        if world.is_first:
            require()
            training.save(folder / "checkpoint.pt", done, {**meta, "figures": log.figures})

    def looked(done: int) -> float | None:
        if training.watch is None or not training.watch.due(done, plan.total):
            return None
        begun = time.perf_counter()
        figure = training.watch.figure(lambda: bool(stop.asked))
        batches.apart += time.perf_counter() - begun
        return figure

    require_shared_norms(training.model, world)
    seed_everything(settings.seed)
    step.train()
    saved = time.monotonic()
    with log, freed_kept(settings.machine.device), StopRequest() as stop:
        if training.watch is not None and world.most(log.lacks(first - 1)):
            figure = looked(first)  # a stop came in the look after the step before
            if figure is not None:
                log.amend(figure)
        fetched = Ahead(iter(batches), step.on_the_way)
        for number in range(first, plan.total):
            step.step, done = number, number + 1
            rate = training.optimizer.set_rate(learning_rate(number, *training.rates, plan.warmup, plan.total))
            before = [buffer.clone() for buffer in step.buffers()] if count > 1 else []
            try:
                result = step.train_parts(
                    clips, _loaded(fetched, own, settings.machine.pin), count, training.optimizer, world
                )
            except (_NotLoaded, PeerFailed) as failure:
                asked = world.most(stop.asked)
                if not asked:
                    raise (failure.cause if isinstance(failure, _NotLoaded) else failure) from None
                for buffer, value in zip(step.buffers(), before, strict=count > 1):
                    buffer.copy_(value)  # as before the parts of the step that came
                save(number)  # the signal ended what loads the clips, too
                raise Stopped(asked, number) from None
            if number == first:
                require_shared_buffers(step, before, world)
            waiting, memory = batches.waiting, settings.machine.peak_memory()
            log.write(number, result, rate, looked(done), waiting=waiting, memory=memory)
            asked = world.most(stop.asked)
            if asked or done == plan.total or time.monotonic() - saved >= 60 * checkpoint_minutes:
                save(done)
                saved = time.monotonic()
            if asked:
                raise Stopped(asked, done)
    share = clips if world.is_first else 0  # a step's clips are counted once
    return shared_timing(batches.timing((plan.total - first) * share), world)


class _NotLoaded(Exception):
    """The next part could not be loaded; nothing else of the step failed."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _loaded(fetched: Ahead[Any], parts: Sequence[Part], early: bool) -> Iterator[tuple[Any, Tensor, Tensor]]:
    """Yield parts of a step, each with the item that holds its clips.

    Args:
        fetched: The items.
        parts: The parts.
        early: Whether the next step's first item is asked for before this step's losses are waited for.
    """
    for part in parts:
        try:
            item = next(fetched)
        except Exception as error:
            raise _NotLoaded(error) from error
        yield item, part.rows, part.places
    if early:
        fetched.look()


def seed_everything(seed: int) -> None:
    """Seed the global generators, for modules and plug-ins that draw from them."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
