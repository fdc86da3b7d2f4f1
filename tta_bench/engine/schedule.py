"""The learning rate of every step."""

from __future__ import annotations

import math


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
