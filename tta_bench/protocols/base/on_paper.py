"""Memory of a training step on a device that is not at hand: counted on tensors without data, nothing is measured."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tta_bench.cards.kinds import BackboneCard
from tta_bench.engine.device import (
    AUTOCAST,
    LEAST_MICRO_BATCH,
    MICRO_BATCH,
    ResolvedPrecision,
    resolve_micro_batch,
    smaller_micro_batch,
)
from tta_bench.engine.memory import WORKING, counting_kept
from tta_bench.engine.optimizer import OPTIMIZERS
from tta_bench.engine.summing import most_held
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.models.build import build_backbone, with_checkpointing
from tta_bench.models.measure import one_line
from tta_bench.protocols.base.training_run import SHARERS

ROOM = 0.9
"""Share of a device's memory that a step may take; the rest is for libraries and for gaps between tensors."""
UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


class PaperStep(NamedTuple):
    """Bytes that a training step of a backbone takes; its head is left out."""

    weights: int
    """Bytes of the weights, and of one gradient."""
    moments: int
    """Bytes of the optimizer's state."""
    copies: int
    """Bytes of the weights' copies in the precision of the step."""
    borders: int
    """Bytes that a clip keeps from forward to backward."""
    inside: int
    """Bytes that a clip keeps inside the one block whose activations are computed again; 0 without checkpointing."""

    def held(self, clips: int, clips_in_step: int) -> int:
        """Return the gradients that are held at once in a step of one process, cut into parts of some clips."""
        return most_held(-(-clips_in_step // clips))

    def bytes(self, clips: int, clips_in_step: int) -> int:
        """Return the bytes of a step that is cut into parts of some clips."""
        gradients = self.weights * self.held(clips, clips_in_step)
        activations = int(WORKING * (self.borders + self.inside) * clips)
        return self.weights + gradients + self.moments + self.copies + activations

    def fit(self, clips: int, clips_in_step: int, most: int) -> int | None:
        """Return the micro-batch, from some clips halved, whose step has room in so many bytes; None if none has."""
        while self.bytes(clips, clips_in_step) > most:
            smaller = smaller_micro_batch(clips)
            if smaller >= clips:
                return None
            clips = smaller
        return clips


def bytes_of_text(text: str) -> int:
    """Return the bytes that a size such as ``80GB`` names."""
    return int(text[:-2]) * UNITS[text[-2:]]


def on_paper(
    card: BackboneCard, clip: ResolvedClip, precision: ResolvedPrecision, checkpointing: bool, states: int
) -> PaperStep:
    """Return the memory of a training step of a backbone, which is built without data.

    Stochastic depth is left out, which saves activations, so the count is of the largest step.

    Args:
        card: The backbone.
        clip: Extent of a clip.
        precision: Precision of the step.
        checkpointing: Whether activations are computed twice instead of being kept.
        states: Tensors that the optimizer keeps for each parameter.

    Raises:
        UserError: The backbone does not run without data, or cannot compute its activations twice.
    """
    try:
        with torch.device("meta"):
            empty = build_backbone(card, clip)
        with FakeTensorMode(allow_non_fake_inputs=True):  # private to PyTorch; meta tensors are on no GPU, as these are
            net = _imagined(empty).train()
            one, two = (_kept(net, clip, clips, precision) for clips in (1, 2))
            weights, each = sum(int(parameter.nbytes) for parameter in net.parameters()), two - one
            found = PaperStep(weights, states * weights, max(0, one - each), each, 0)
            if not checkpointing:
                return found
            blocks = _blocks(with_checkpointing(net, wanted=True))
            one, two = (_kept(net, clip, clips, precision) for clips in (1, 2))
            return found._replace(borders=two - one, inside=max(0, each - (two - one)) // blocks)
    except UserError:
        raise
    except Exception as error:  # whatever a module raises that asks a tensor for a value
        raise UserError(
            f"{card.name} does not run without data, so its memory cannot be counted: {one_line(error)}",
            "Leave out runtime.memory, where there is such a device.",
        ) from error


def paper_plan(experiment: FineTuneExperiment) -> dict[str, str]:
    """Return a fine-tune's lines of a plan about memory, on one GPU of ``runtime.memory``.

    Raises:
        UserError: A step does not fit.
    """
    runtime, card, train = experiment.runtime, experiment.backbone, experiment.train
    assert runtime.memory is not None
    precision: ResolvedPrecision = "bf16" if experiment.precision == "auto" else experiment.precision
    states = OPTIMIZERS[train.optimizer or "adamw"].states
    step = on_paper(card, experiment.clip, precision, runtime.checkpointing, states)
    clips = train.batch * train.views
    asked = runtime.micro_batch if train.norm_batch is None else train.norm_batch
    first = resolve_micro_batch(asked, clips, torch.device("cuda"), SHARERS)
    head = {"run": f"{experiment.protocol.name}, {card.name}, {precision}; nothing was tried, and no data was read"}
    most = bytes_of_text(runtime.memory)
    return head | memory_lines(step, clips, first, most, asked == "auto", runtime.checkpointing)


def memory_lines(
    step: PaperStep, clips_in_step: int, first: int, most: int, shrinks: bool, checkpointing: bool
) -> dict[str, str]:
    """Return the lines of a plan about memory.

    Args:
        step: The memory of the step.
        clips_in_step: Clips of a step, on one device.
        first: The micro-batch that is tried first.
        most: Bytes of the device.
        shrinks: Whether the micro-batch may be halved.
        checkpointing: Whether activations are computed twice.

    Raises:
        UserError: Not even the smallest micro-batch fits, or the one that was asked for does not.
    """
    clips = step.fit(first, clips_in_step, int(most * ROOM))
    if clips is None or (clips < first and not shrinks):
        tried = LEAST_MICRO_BATCH if shrinks else first
        ways = [] if clips is None else [f"{MICRO_BATCH}={clips}"]
        ways += [] if checkpointing else ["runtime.checkpointing=true"]
        raise UserError(
            f"{tried} clips at once need {_gb(step.bytes(tried, clips_in_step))}, and {ROOM:.0%} of the device are "
            f"{_gb(int(most * ROOM))}.",
            f"Say {' or '.join(ways)}." if ways else "Choose a larger device, or a smaller backbone.",
        )
    held = step.held(clips, clips_in_step)
    where = f", {_gb(step.inside)} of it in the block that is computed again" if checkpointing else ""
    return {
        "memory": f"{_gb(step.bytes(clips, clips_in_step))} of {_gb(most)}, as computed and not measured",
        "cut": f"{-(-clips_in_step // clips)} parts of {clips} clips in a step of {clips_in_step}, on one device",
        "weights": f"{_gb(step.weights)}, and {_gb(step.copies)} of copies in the precision of the step",
        "gradients": f"{held} x {_gb(step.weights)}: the most that the tree of partial sums holds at once",
        "optimizer": _gb(step.moments),
        "kept": f"{clips} x {_gb(step.borders + step.inside)}{where}; and {WORKING - 1:.0%} for gradients and scratch",
    }


def _imagined(empty: nn.Module) -> nn.Module:
    """Return a copy whose tensors have a type and a device, and no memory: operations only work out their shapes."""
    copies: dict[int, Any] = {}
    for tensor in chain(empty.parameters(), empty.buffers()):
        value: Tensor = torch.zeros(tensor.shape, dtype=tensor.dtype)
        is_parameter = isinstance(tensor, nn.Parameter)
        copies[id(tensor)] = nn.Parameter(value, requires_grad=tensor.requires_grad) if is_parameter else value
    return copy.deepcopy(empty, copies)


def _kept(net: nn.Module, clip: ResolvedClip, clips: int, precision: ResolvedPrecision) -> int:
    """Return the bytes that a forward pass of some clips keeps for the backward pass."""
    dtype = AUTOCAST[precision]
    for module in net.modules() if dtype is not None else ():
        if isinstance(module, nn.LayerNorm) and not module._forward_pre_hooks:
            module.register_forward_pre_hook(_widen)  # as autocast does on a GPU
    with counting_kept(net) as kept, torch.autocast("cpu", dtype, enabled=dtype is not None):
        net(torch.zeros(clips, 3, clip.frames, clip.size, clip.size)).float().sum()
    return kept.bytes


def _widen(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the input of a norm in float32."""
    return tuple(value.float() for value in given)


def _blocks(net: nn.Module) -> int:
    """Return the number of blocks whose activations are computed again, one at a time."""
    able = [module for module in net.modules() if getattr(module, "checkpointing", False) is True]
    return max(1, sum(len(getattr(module, "blocks", [None])) for module in able))


def _gb(count: int) -> str:
    return f"{count / 1e9:,.2f} GB" if count < 10**10 else f"{count / 1e9:,.1f} GB"
