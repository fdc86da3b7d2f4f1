"""Room for a training step: measured with a pair of clips, and compared with the memory before it is taken."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from tta_bench.cards.kinds import BackboneCard
from tta_bench.data.loading import AHEAD, IN_FLIGHT_BYTES, bytes_of
from tta_bench.engine.device import OutOfMemory, smaller_micro_batch
from tta_bench.engine.memory import (
    BASE_BYTES,
    SHARE,
    StepMemory,
    counting_kept,
    fixed_bytes,
    free_memory,
    total_memory,
)
from tta_bench.engine.summing import most_held
from tta_bench.engine.training import Training
from tta_bench.errors import UserError
from tta_bench.utils.progress import console

ROOM = 0.9
"""Share of the free memory that weights may take: a control group counts more than a process's own pages."""
BYTES = 4
"""Bytes of a weight; networks are built in float32, on the CPU."""


def require_weights(card: BackboneCard) -> None:
    """Refuse a network whose weights alone do not fit into the free memory, before it is built.

    Args:
        card: The backbone; one whose card does not say its parameters is let through.

    Raises:
        UserError: They do not fit; says what they need and what is free.
    """
    cpu = torch.device("cpu")
    needed, free = BYTES * (card.parameters or 0), free_memory(cpu)
    if free is not None and needed > ROOM * free:
        raise UserError(
            f"the weights of {card.name} alone take {_gb(needed)}, and {_gb(free)} are free of "
            f"{_gb(total_memory(cpu) or free)}.",
            "Use a machine with more memory, end what else takes it, or choose a smaller backbone.",
        )


def require_fixed(training: Training) -> None:
    """Refuse a network that does not fit into the free memory with its gradients and the optimizer's state.

    All gradients count that are held while those of a step's parts are added up; they do not count for the cut, since
    a smaller one has more of them. A network that takes more than a run's share of a CPU's memory by all these is said
    before they are taken.

    Raises:
        UserError: It does not fit; says what it needs and what is free.
    """
    device = training.step.settings.machine.device
    free, fixed = free_memory(device), _fixed(training, max(2, most_held(len(training.own_parts()))))
    held = sum(tensor.nbytes for tensor in training.model.state_dict().values())
    held += BASE_BYTES if device.type == "cpu" else 0  # this process has taken it
    if free is not None and fixed - held > free:
        raise UserError(
            f"training this backbone needs {_gb(fixed)} before the first clip (weights, gradients and the optimizer's "
            f"state), and {_gb(free)} are free of {_gb(total_memory(device) or free)}.",
            "Use a machine with more memory, end what else takes it, or choose a smaller backbone.",
        )
    total, least = total_memory(device), _fixed(training)
    if device.type == "cpu" and total is not None and least > SHARE * total:
        _say_once(f"memory: training this backbone takes {_gb(least)} before the first clip, of {_gb(total)} in all")


def measured(training: Training, pair: Any) -> StepMemory:
    """Return the memory of a training step in bytes, by the activations that a step of a pair of clips keeps."""
    step = training.step
    with counting_kept(training.model) as kept:
        step.train_step(pair, training.optimizer)
    return StepMemory(_fixed(training), kept.bytes // step.count(pair))


def require_fit(training: Training, memory: StepMemory, loaders: int) -> None:
    """Refuse a micro-batch that will not fit into memory.

    Frames that loaders keep count beside what is free alone: the cut is the same with them and without.

    Args:
        training: The training.
        memory: What its step takes.
        loaders: Bytes that loader processes hold.

    Raises:
        OutOfMemory: An ``auto`` one would take more than its share of the total; a smaller one may fit.
        UserError: It fits into the total, but not into what is free.
    """
    settings = training.step.settings
    device, clips, key = settings.machine.device, settings.micro_batch, settings.micro_batch_key
    on_cpu = device.type == "cpu"
    loaders *= on_cpu
    sharers = settings.machine.world.local_size if on_cpu else 1
    total, free = total_memory(device), free_memory(device)
    if total is None or free is None:
        return
    needed = (memory.expected(clips) if settings.micro_batch_is_auto else memory.least(clips)) + loaders
    most = int(total / sharers * (SHARE if settings.micro_batch_is_auto and on_cpu else 1))
    smaller = smaller_micro_batch(clips)
    advice = f"Try {key}={smaller}." if smaller < clips else "Choose a smaller backbone, or another device."
    if needed > most:
        raise OutOfMemory(f"{clips} clips at once need {_gb(needed)}, and a process may take {_gb(most)} here.", advice)
    kept = int(getattr(training.clips, "kept_bytes", 0))
    if memory.least(clips) - memory.fixed + kept > free:
        raise UserError(
            f"{clips} clips at once need {_gb(needed + kept)}; this machine has {_gb(total)}, but only {_gb(free)} are "
            "free.",
            f"End what else takes memory, or t{advice[1:]}",
        )


def loaders_bytes(pair: Any, training: Training) -> int:
    """Return the bytes of the items that loader processes hold ready, by those of a batch of a pair of clips."""
    settings = training.step.settings
    part = bytes_of(pair) * settings.micro_batch // training.step.count(pair)
    return min(IN_FLIGHT_BYTES, settings.machine.workers * AHEAD * part)


def _fixed(training: Training, gradients: int = 2) -> int:
    optimizer = training.optimizer
    return fixed_bytes(training.model, optimizer.state_bytes(), training.step.settings.machine.device, gradients)


@cache
def _say_once(text: str) -> None:
    """Print a line, however many trials come to it."""
    console.print(text, style="yellow", soft_wrap=True)


def _gb(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
