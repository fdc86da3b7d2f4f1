"""Length of a training and the learning rate of each of its steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from tta_bench.errors import UserError


class Schedule(Protocol):
    """The part of a recipe that gives a training's length."""

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
    """Length of a training, in optimisation steps."""

    per_epoch: int
    warmup: int
    total: int


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


def scaled(lr: float, batch: int) -> float:
    """Return the learning rate for a global batch, given the one for 256 videos (Goyal et al., 2017)."""
    return lr * batch / 256


def learning_rate(
    step: int, base: float, minimum: float, warmup_steps: int, total_steps: int, start: float = 0.0
) -> float:
    """Return the learning rate of a step: a linear rise from ``start`` to ``base``, then a cosine towards ``minimum``.

    As in the official VideoMAE (github.com/MCG-NJU/VideoMAE, utils.py, ``cosine_scheduler``): the first step has
    ``start``, the last of the warm-up and the one after it have ``base``, and the last step is a little above
    ``minimum``.

    Args:
        step: From 0 to ``total_steps`` - 1.
        base: Highest learning rate.
        minimum: Where the cosine would end, one step after the last.
        warmup_steps: Steps of the rise.
        total_steps: All steps.
        start: Learning rate of the first step, if there is a warm-up.

    Raises:
        ValueError: The step is outside the schedule.
    """
    if not 0 <= step < total_steps:
        raise ValueError(f"step {step} is outside a schedule of {total_steps} steps")
    if step < warmup_steps:
        return start + (base - start) * step / max(warmup_steps - 1, 1)
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return minimum + 0.5 * (base - minimum) * (1 + math.cos(math.pi * progress))
