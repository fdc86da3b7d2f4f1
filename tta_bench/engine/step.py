"""One optimisation step: the whole global batch, in micro-batches, with random draws keyed by (seed, step)."""

from __future__ import annotations

import functools
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypedDict, TypeVar

import torch
from torch import Tensor, nn

from tta_bench.engine.device import MICRO_BATCH, Machine, memory_advice
from tta_bench.engine.optimizer import Optimizer
from tta_bench.engine.running_statistics import PartStatistics, RunningStatistics
from tta_bench.engine.summing import GradientSum
from tta_bench.engine.world import ALONE, World
from tta_bench.errors import RunFailed
from tta_bench.models.noise import clip_noise
from tta_bench.utils.keyed_random import torch_seed

MIN_LOSS_SCALE = 2.0**-10
"""float16 training whose loss scale has fallen below this has diverged."""

Batch = TypeVar("Batch")
Drawn = TypeVar("Drawn")
RecipeT = TypeVar("RecipeT")


class StepResult(TypedDict):
    """Figures of one step, for the log."""

    loss: float
    grad_norm: float


class _Told(NamedTuple):
    """The figures of its parts that a process tells the others."""

    losses: Tensor
    """``float64 (parts,)``; where there is one process, still on the device, since nothing else waits for them."""
    used: list[bool]
    """For each parameter, whether it has a gradient."""
    statistics: list[PartStatistics]


class Diverged(RunFailed):
    """A loss or gradient that is no longer a finite number."""


@dataclass(frozen=True, kw_only=True)
class StepSettings(Generic[RecipeT]):
    """Settings of a training step."""

    train: RecipeT
    seed: int
    micro_batch: int
    """Clips on the device at once."""
    machine: Machine
    micro_batch_key: str = MICRO_BATCH
    """The key that gives their number, for advice."""
    micro_batch_is_auto: bool = False
    """True if their number shall be made to fit the device's memory."""


class TrainStep(nn.Module, ABC, Generic[Batch, Drawn, RecipeT]):
    """A model with the step that trains it, part by part.

    Random numbers are keyed by (seed, step) and the number of a clip, or of a part, in the global batch, so neither the
    cut into micro-batches nor the process that does a part changes them. Batch norm does depend on the cut, and so does
    what a network draws for a whole micro-batch, as any but a `ClipNoise` does.

    Args:
        settings: Recipe, seed, micro-batch and machine.
    """

    def __init__(self, settings: StepSettings[RecipeT]) -> None:
        super().__init__()
        self.settings = settings
        self.step = 0
        """Number of the step, from 0; the training loop sets it before each."""
        self.clips = 0
        """Clips in the global batch of the step."""

    def train_step(self, batch: Batch, optimizer: Optimizer) -> StepResult:
        """Do one optimisation step on a global batch that is at hand as a whole; see `train_parts`."""
        clips = self.count(batch)
        parts = torch.split(self.order(clips), self.settings.micro_batch)
        return self.train_parts(clips, ((batch, rows, rows) for rows in parts), len(parts), optimizer)

    def train_parts(
        self,
        clips: int,
        parts: Iterable[tuple[Batch, Tensor, Tensor]],
        count: int,
        optimizer: Optimizer,
        world: World = ALONE,
    ) -> StepResult:
        """Do one optimisation step on a global batch, part by part, each process its share of them.

        Args:
            clips: Number of clips in the global batch.
            parts: For each part of this process a batch that holds its clips, their numbers in the global batch, and in
                this one.
            count: Number of parts of the global batch.
            optimizer: The optimizer.
            world: The processes of the training.

        Raises:
            Diverged: The loss or the gradient is not finite.
            RunFailed: A micro-batch does not fit into memory, or another process failed.
            UserError: The random draws do not fit the clips.
        """
        self.clips, shares = clips, world.shares(count)
        sums = GradientSum(optimizer.parameters, shares[world.rank])
        statistics = RunningStatistics(self, count)
        failure: Exception | None = None
        losses: list[Tensor] = []
        with statistics.held():
            try:
                losses = self._train_own(shares[world.rank], parts, sums, optimizer)
            except Exception as error:
                failure = error
                sums.clear()
            world.agree(failure)
        given = _Told(_stacked(losses), sums.used(), statistics.taken)
        told = world.gather(given if world.size == 1 else _on_cpu(given))
        sums.finish(world, shares, [any(column) for column in zip(*(each.used for each in told), strict=True)])
        statistics.apply([part for each in told for part in each.statistics])
        result = checked(torch.cat([each.losses for each in told]), self, self.step, optimizer)
        optimizer.step()
        return result

    def _train_own(
        self, numbers: range, parts: Iterable[tuple[Batch, Tensor, Tensor]], sums: GradientSum, optimizer: Optimizer
    ) -> list[Tensor]:
        """Run this process's parts forward and backward, and return the share of each in the loss, on the device."""
        settings = self.settings
        losses: list[Tensor] = []
        drawn: Drawn | None = None
        for part, (batch, rows, places) in zip(numbers, parts, strict=True):
            drawn = self.draw(batch) if drawn is None else drawn
            torch.manual_seed(torch_seed(settings.seed, "noise", self.step, part))
            seeds = [torch_seed(settings.seed, "clip noise", self.step, row) for row in rows.tolist()]
            advice = memory_advice(settings.micro_batch, settings.micro_batch_key)
            with advice, settings.machine.autocast(), clip_noise(self, seeds):
                loss = self.loss(batch, drawn, rows, places)
                optimizer.backward(loss)
            sums.add()
            losses.append(loss.detach().double())
        return losses

    def on_the_way(self, batch: Batch) -> Batch:
        """Return a batch whose largest tensors are being copied to the device, where that computes meanwhile."""
        return batch

    @abstractmethod
    def count(self, batch: Batch) -> int:
        """Return the number of clips in a batch."""

    @abstractmethod
    def draw(self, batch: Batch) -> Drawn:
        """Return the random draws that some clips of the global batch need: the same, whichever part is at hand."""

    @abstractmethod
    def order(self, clips: int) -> Tensor:
        """Return the clips' numbers ``int64 (clips,)`` in the order in which they are cut into micro-batches."""

    @abstractmethod
    def loss(self, batch: Batch, drawn: Drawn, rows: Tensor, places: Tensor) -> Tensor:
        """Return the share of some clips in the loss of the global batch, a scalar on the device.

        Args:
            batch: A batch that holds the clips.
            drawn: The random draws for the global batch.
            rows: Numbers of the clips in the global batch ``int64 (clips,)``.
            places: Numbers of the clips in the batch at hand ``int64 (clips,)``.
        """


def checked(losses: Tensor, model: nn.Module, step: int, optimizer: Optimizer) -> StepResult:
    """Return a step's figures; a float16 overflow is forgiven while the scaler can still lower its scale.

    Here alone the device is waited for: losses and norm are read at once.

    Args:
        losses: Share of each part in the loss, ``float64 (parts,)``.
        model: The network, with its gradients.
        step: Number of the step.
        optimizer: The optimizer, for its loss scale.

    Raises:
        Diverged: The loss or the gradient is not finite.
    """
    gradients: list[Tensor] = [p.grad for p in model.parameters() if p.grad is not None]
    total = nn.utils.get_total_norm(gradients).double()
    *shares, scaled = torch.cat([losses.to(total.device, non_blocking=True), total[None]]).tolist()
    scale = optimizer.loss_scale
    loss = functools.reduce(operator.add, shares, 0.0)  # one by one: `sum` compensates from Python 3.12 on
    norm = scaled / scale
    forgiven = optimizer.scaler is not None and scale > MIN_LOSS_SCALE
    for name, value in (("loss", loss), ("gradient", 0.0 if forgiven else norm)):
        if not math.isfinite(value):
            raise Diverged(
                f"the {name} is {value} at step {step}.",
                "Try a lower train.lr, train.clip_grad=1.0 or precision=fp32.",
            )
    return {"loss": loss, "grad_norm": norm}


def _stacked(losses: Sequence[Tensor]) -> Tensor:
    return torch.stack([*losses]) if losses else torch.zeros(0, dtype=torch.float64)


def _on_cpu(told: _Told) -> _Told:
    """Return figures that can be told to another process."""
    statistics = [(number, mean.cpu(), variance.cpu()) for number, mean, variance in told.statistics]
    return _Told(told.losses.cpu(), told.used, statistics)


AnyStep = TrainStep[Any, Any, Any]
