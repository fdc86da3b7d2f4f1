"""Micro-batch of a training whose network normalises over it: the recipe's ``norm_batch``, whatever the memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from tta_bench.engine.device import MICRO_BATCH, NORM_BATCH
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment


def never() -> bool:
    """Return False: nothing normalises over its batch."""
    return False


def norm_batch(experiment: Experiment, normalises: Callable[[], bool]) -> int | None:
    """Return the clips that a network sees at once in training, where that is part of the recipe; None where it is not.

    Args:
        experiment: The experiment; a test, which normalises by the running statistics, is free.
        normalises: Says whether the network normalises over its batch in training; asked only where it matters.
    """
    asked: int | None = getattr(getattr(experiment, "train", None), "norm_batch", None)
    return None if asked is None or experiment.phase == "test" or not normalises() else asked


def locked_micro_batch(choice: int | Literal["auto"], norm_batch: int, clips: int) -> int:
    """Return the micro-batch of a step that is cut as the recipe says.

    Args:
        choice: The user's micro-batch.
        norm_batch: The recipe's.
        clips: Clips of a step; fewer than ``norm_batch`` are one part.

    Raises:
        UserError: The user's would cut the step differently.
    """
    cut = min(norm_batch, clips)
    if choice != "auto" and min(choice + choice % 2, clips) != cut:
        raise UserError(
            f"{MICRO_BATCH}={choice} would change what batch norm sees, and {NORM_BATCH}={norm_batch} is the recipe's.",
            f"Leave out {MICRO_BATCH}, or say {NORM_BATCH}={choice + choice % 2}: the run is then not standard.",
        )
    return cut
