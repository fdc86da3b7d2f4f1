"""One optimisation step: the whole global batch, in micro-batches, with random draws keyed by (seed, step)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypedDict, TypeVar, cast

import torch
from torch import Tensor, nn

from tta_bench.engine.device import Machine, memory_advice
from tta_bench.engine.optimizer import Optimizer
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


class TrainStep(nn.Module, ABC, Generic[Batch, Drawn, RecipeT]):
    """A model with the step that trains it.

    A part of the batch is loaded at a time, unless ``loads_whole`` says that a part needs to know of the others.

    Random numbers are drawn once for a step's global batch, or for each clip of it, so the cut into micro-batches
    changes none of them. Batch norm does depend on the cut, and so does what a network draws for a whole micro-batch,
    as any but a `ClipNoise` does.

    Args:
        settings: Recipe, seed, micro-batch and machine.
    """

    loads_whole: ClassVar[bool] = False

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
        return self.train_parts(clips, ((batch, rows, rows) for rows in parts), optimizer)

    def train_parts(
        self, clips: int, parts: Iterable[tuple[Batch, Tensor, Tensor]], optimizer: Optimizer
    ) -> StepResult:
        """Do one optimisation step on a global batch, part by part.

        Args:
            clips: Number of clips in the global batch.
            parts: For each part a batch that holds its clips, their numbers in the global batch, and in this one.
            optimizer: The optimizer.

        Raises:
            Diverged: The loss or the gradient is not finite.
            RunFailed: A micro-batch does not fit into memory.
            UserError: The random draws do not fit the clips.
        """
        settings, self.clips, total = self.settings, clips, 0.0
        drawn: Drawn | None = None
        for part, (batch, rows, places) in enumerate(parts):
            drawn = self.draw(batch) if part == 0 else drawn
            torch.manual_seed(torch_seed(settings.seed, "noise", self.step, part))
            seeds = [torch_seed(settings.seed, "clip noise", self.step, row) for row in rows.tolist()]
            with memory_advice(settings.micro_batch), settings.machine.autocast(), clip_noise(self, seeds):
                loss = self.loss(batch, cast(Drawn, drawn), rows, places)
                optimizer.backward(loss)
            total += float(loss.detach())
        norm = checked_norm(self, total, self.step, optimizer)
        optimizer.step()
        return {"loss": total, "grad_norm": norm}

    @abstractmethod
    def count(self, batch: Batch) -> int:
        """Return the number of clips in a batch."""

    @abstractmethod
    def draw(self, batch: Batch) -> Drawn:
        """Return the random draws for the whole global batch, keyed by (seed, step), from its first part."""

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


def checked_norm(model: nn.Module, loss: float, step: int, optimizer: Optimizer) -> float:
    """Return the gradient's norm; a float16 overflow is forgiven while the scaler can still lower its scale.

    Raises:
        Diverged: The loss or the gradient is not finite.
    """
    scale = optimizer.loss_scale
    gradients: list[Tensor] = [p.grad for p in model.parameters() if p.grad is not None]
    norm = float(nn.utils.get_total_norm(gradients)) / scale
    forgiven = optimizer.scaler is not None and scale > MIN_LOSS_SCALE
    for name, value in (("loss", loss), ("gradient", 0.0 if forgiven else norm)):
        if not math.isfinite(value):
            raise Diverged(
                f"the {name} is {value} at step {step}.",
                "Try a lower train.lr, train.clip_grad=1.0 or precision=fp32.",
            )
    return norm


AnyStep = TrainStep[Any, Any, Any]
