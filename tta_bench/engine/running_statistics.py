"""Batch norm's running statistics in a step of several parts: those of each part, applied in the order of the parts.

A network's own way, each part on what the part before left, would need all parts in one process. Here the statistics of
each part are taken by themselves, and applied afterwards, so every process ends with the same buffers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tta_bench.engine.world import World
from tta_bench.errors import UserError

PartStatistics = tuple[int, Tensor, Tensor]
"""Number of a norm, and the mean and variance ``float32 (channels,)`` of one batch that it saw."""


class RunningStatistics:
    """The running statistics of a model's batch norms in one step.

    Norms whose ``momentum`` is None, which average over all batches, are left alone.

    Args:
        model: The model.
        parts: Parts of a step; of a single one each norm keeps its own account.
    """

    def __init__(self, model: nn.Module, parts: int) -> None:
        self.norms = [norm for norm in batch_norms(model) if norm.momentum is not None] if parts > 1 else []
        self.taken: list[PartStatistics] = []
        """Statistics of this process's parts, in their order."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """While parts run, take the statistics of each; the running ones are left as they were."""
        with ExitStack() as stack:
            for number, norm in enumerate(self.norms):
                if not norm.training:  # a frozen one uses its running statistics
                    continue
                stack.callback(_put_back, norm, norm.momentum, [buffer.clone() for buffer in norm.buffers()])
                norm.momentum = 1.0  # the running statistics become those of the batch
                for buffer in _buffers(norm):
                    buffer.zero_()
                stack.callback(norm.register_forward_hook(partial(self._take, number)).remove)
            yield

    def apply(self, taken: Iterable[PartStatistics]) -> None:
        """Apply the statistics of all parts, in their order."""
        for number, mean, variance in taken:
            norm = self.norms[number]
            for buffer, value in zip(_buffers(norm), (mean, variance), strict=True):
                buffer.mul_(1 - norm.momentum).add_(value.to(buffer.device), alpha=norm.momentum)
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.add_(1)

    def _take(self, number: int, norm: Any, *_: object) -> None:
        if norm.training:
            mean, variance = (buffer.detach().clone() for buffer in _buffers(norm))
            self.taken.append((number, mean, variance))


def batch_norms(model: nn.Module) -> list[Any]:
    """Return the batch norms of a model that keep running statistics."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    return [norm for norm in norms if norm.track_running_stats and norm.running_mean is not None]


def normalises_over_batch(model: nn.Module) -> bool:
    """Return True if a batch norm of a model normalises by its batch in training; a frozen one does not.

    Args:
        model: The model, put into training mode.
    """
    modules = model.train().modules()
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training for module in modules)


def require_shared_norms(model: nn.Module, world: World) -> None:
    """Refuse norms whose statistics several processes cannot keep as one process does.

    Raises:
        UserError: There is one; says which.
    """
    if world.size == 1:
        return
    for name, module in model.named_modules():
        synced = isinstance(module, nn.SyncBatchNorm)
        if synced or (module in batch_norms(model) and module.momentum is None):
            said = "is a SyncBatchNorm" if synced else "averages over all batches (momentum=None)"
            raise UserError(
                f"{name} {said}, and its statistics would depend on the number of processes.", "Say runtime.devices=1."
            )


def require_shared_buffers(model: nn.Module, before: Iterable[Tensor], world: World) -> None:
    """Refuse a model whose other buffers change in training: each process would have its own.

    Args:
        model: The model after a step.
        before: Its buffers before the step.
        world: The processes.

    Raises:
        UserError: One has changed; says which.
    """
    if world.size == 1:
        return
    known = {id(buffer) for norm in batch_norms(model) for buffer in norm.buffers()}
    for (name, buffer), value in zip(model.named_buffers(), before, strict=True):
        if id(buffer) not in known and not torch.equal(buffer, value):
            raise UserError(
                f"the buffer {name} changes in training, and each process would have its own.", "Say runtime.devices=1."
            )


def _buffers(norm: Any) -> tuple[Tensor, Tensor]:
    return norm.running_mean, norm.running_var


def _put_back(norm: Any, momentum: float, values: Iterable[Tensor]) -> None:
    """Give a norm its momentum and running statistics back, and forget the batches that it counted meanwhile."""
    norm.momentum = momentum
    for buffer, value in zip(norm.buffers(), values, strict=True):
        buffer.copy_(value)
