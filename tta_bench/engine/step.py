"""One optimisation step: the whole global batch, in micro-batches, with random draws keyed by (seed, step)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypedDict, TypeVar

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

    Random numbers are drawn once for a step's global batch, or for each clip of it, so the cut into micro-batches
    changes none of them. Batch norm does depend on the cut, and so does what a network draws for a whole micro-batch,
    as any but a `ClipNoise` does.

    Args:
        settings: Recipe, seed, micro-batch and machine.
    """

    def __init__(self, settings: StepSettings[RecipeT]) -> None:
        super().__init__()
        self.settings = settings
        self.step = 0
        """Number of the step, from 0; the training loop sets it before each."""

    def train_step(self, batch: Batch, optimizer: Optimizer) -> StepResult:
        """Do one optimisation step on a global batch.

        Raises:
            Diverged: The loss or the gradient is not finite.
            RunFailed: A micro-batch does not fit into memory.
            UserError: The random draws do not fit the clips.
        """
        settings, drawn = self.settings, self.draw(batch)
        total = 0.0
        for part, rows in enumerate(torch.split(self.order(batch), settings.micro_batch)):
            torch.manual_seed(torch_seed(settings.seed, "noise", self.step, part))
            seeds = [torch_seed(settings.seed, "clip noise", self.step, row) for row in rows.tolist()]
            with memory_advice(settings.micro_batch), settings.machine.autocast(), clip_noise(self, seeds):
                loss = self.loss(batch, drawn, rows)
                optimizer.backward(loss)
            total += float(loss.detach())
        norm = checked_norm(self, total, self.step, optimizer)
        optimizer.step()
        return {"loss": total, "grad_norm": norm}

    @abstractmethod
    def draw(self, batch: Batch) -> Drawn:
        """Return the random draws for the whole batch, keyed by (seed, step)."""

    @abstractmethod
    def order(self, batch: Batch) -> Tensor:
        """Return the clips' numbers ``int64 (clips,)`` in the order in which they are cut into micro-batches."""

    @abstractmethod
    def loss(self, batch: Batch, drawn: Drawn, rows: Tensor) -> Tensor:
        """Return the share of some clips in the loss of the whole batch, a scalar on the device."""


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
