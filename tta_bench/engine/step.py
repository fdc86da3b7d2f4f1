"""One optimisation step, whatever is trained: the whole global batch, in micro-batches, keyed by (seed, step)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypedDict, TypeVar

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from tta_bench.engine.device import memory_advice
from tta_bench.errors import RunFailed
from tta_bench.models.noise import clip_noise
from tta_bench.utils.keyed_random import torch_seed

MIN_LOSS_SCALE = 2.0**-10
"""float16 training whose loss scale has fallen below this has diverged."""

Batch = TypeVar("Batch")
Drawn = TypeVar("Drawn")


class StepResult(TypedDict):
    """What one step tells its hooks."""

    loss: float
    grad_norm: float


class Diverged(RunFailed):
    """A loss or gradient that is no longer a finite number."""


@dataclass(frozen=True, kw_only=True)
class StepSettings:
    """What any step needs to know besides its batch."""

    seed: int
    micro_batch: int
    """Clips on the device at once."""
    device: torch.device


class TrainStep(nn.Module, ABC, Generic[Batch, Drawn]):
    """A model with MMEngine's ``train_step``.

    What is drawn for a step is drawn once for its global batch or for each clip of it, so how that is cut into
    micro-batches changes none of it. Batch norm does depend on the cut, and so does what a network draws for a whole
    micro-batch, as any but a `ClipNoise` does.

    Args:
        settings: Seed, micro-batch, device, and what the kind of training adds.
    """

    def __init__(self, settings: StepSettings) -> None:
        super().__init__()
        self.settings = settings
        self.step = 0

    def train_step(self, batch: Batch, optim_wrapper: OptimWrapper) -> StepResult:
        """Do one optimisation step on a global batch.

        Raises:
            Diverged: The loss or the gradient is not finite.
            RunFailed: A micro-batch does not fit into memory.
            UserError: What is drawn does not fit the clips.
        """
        to = self.settings
        drawn = self.draw(batch)
        total = 0.0
        for part, rows in enumerate(torch.split(self.order(batch), to.micro_batch)):
            torch.manual_seed(torch_seed(to.seed, "noise", self.step, part))
            seeds = [torch_seed(to.seed, "clip noise", self.step, row) for row in rows.tolist()]
            with memory_advice(to.micro_batch), optim_wrapper.optim_context(self), clip_noise(self, seeds):
                loss = self.loss(batch, drawn, rows)
                optim_wrapper.backward(loss)
            total += float(loss.detach())
        norm = checked_norm(self, total, self.step, optim_wrapper)
        optim_wrapper.step()
        optim_wrapper.zero_grad()
        return {"loss": total, "grad_norm": norm}

    @abstractmethod
    def draw(self, batch: Batch) -> Drawn:
        """Return what is drawn for the whole batch, keyed by (seed, step)."""

    @abstractmethod
    def order(self, batch: Batch) -> Tensor:
        """Return the clips' numbers ``int64 (clips,)`` in the order in which they are cut into micro-batches."""

    @abstractmethod
    def loss(self, batch: Batch, drawn: Drawn, rows: Tensor) -> Tensor:
        """Return what some clips contribute to the loss of the whole batch, a scalar on the device."""


def checked_norm(model: nn.Module, loss: float, step: int, optim_wrapper: OptimWrapper) -> float:
    """Return the gradient's norm; a float16 overflow is forgiven while the scaler can still lower its scale.

    Raises:
        Diverged: The loss or the gradient is not finite.
    """
    scaler = getattr(optim_wrapper, "loss_scaler", None)
    scale = 1.0 if scaler is None else float(scaler.get_scale())
    gradients: list[Tensor] = [p.grad for p in model.parameters() if p.grad is not None]
    norm = float(nn.utils.get_total_norm(gradients)) / scale
    forgiven = scaler is not None and scale > MIN_LOSS_SCALE
    for what, value in (("loss", loss), ("gradient", 0.0 if forgiven else norm)):
        if not math.isfinite(value):
            raise Diverged(
                f"the {what} is {value} at step {step}.",
                "Try a lower train.lr, train.clip_grad=1.0 or precision=fp32.",
            )
    return norm
