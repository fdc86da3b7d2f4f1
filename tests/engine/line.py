"""The smallest training: a line through points, in fractions of a millisecond a step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from tta_bench.engine.device import Machine
from tta_bench.engine.optimizer import decay_groups
from tta_bench.engine.step import StepSettings, TrainStep
from tta_bench.engine.training import Training


@dataclass(frozen=True)
class LineRecipe:
    """A recipe with the fields that any training has."""

    batch: int = 4
    epochs: int | None = None
    steps: int | None = 6
    warmup: float = 0.0
    lr: float = 0.05
    min_lr: float = 0.0
    optimizer: str | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    clip_grad: float | None = None


class Line(TrainStep[Tensor, None, LineRecipe]):
    """A line through points ``(x, y)``; remembers a random number of each micro-batch."""

    def __init__(self, settings: StepSettings[LineRecipe]) -> None:
        super().__init__(settings)
        torch.manual_seed(0)
        self.layer = nn.Linear(1, 1)
        self.noise: list[float] = []

    def draw(self, batch: Tensor) -> None:
        """Draw nothing."""

    def count(self, batch: Tensor) -> int:
        """Return the number of points."""
        return len(batch)

    def order(self, clips: int) -> Tensor:
        """Return the points as they are."""
        return torch.arange(clips)

    def loss(self, batch: Tensor, drawn: None, rows: Tensor, places: Tensor) -> Tensor:
        """Return the share of some points in the mean squared error."""
        self.noise.append(float(torch.rand(())))
        x, y = batch[places].split(1, dim=1)
        errors: Tensor = self.layer(x) - y
        return errors.square().sum() / self.clips


class Points:
    """Points on a line, keyed by epoch and index; the item of one key may raise."""

    def __init__(self, count: int = 8, fails: tuple[int, int] | None = None) -> None:
        self.count, self.fails = count, fails

    def __len__(self) -> int:
        """Return the number of points."""
        return self.count

    def __getitem__(self, key: tuple[int, int]) -> Tensor:
        """Return a point."""
        if key == self.fails:
            raise KeyboardInterrupt
        epoch, index = key
        return torch.tensor([index / self.count, 2 * index / self.count + 0.1 * epoch])


def pairs(count: int) -> Tensor:
    """Return points ``float32 (count, 2)``."""
    return torch.stack([Points(count)[0, index] for index in range(count)])


def line_step(micro_batch: int = 8, machine: Machine | None = None, **recipe: Any) -> Line:
    """Return the step of a line."""
    machine = machine or Machine(torch.device("cpu"), "fp32")
    train = replace(LineRecipe(), **recipe)
    return Line(StepSettings(train=train, seed=3, micro_batch=micro_batch, machine=machine))


def line_training(step: Line | None = None, clips: Points | None = None) -> Training:
    """Return the training of a line."""
    step = step or line_step()
    return Training.of(step, step, decay_groups(step, 0.01), clips or Points())
