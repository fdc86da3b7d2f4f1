"""Noise that is drawn for each clip by itself, so how a batch is cut into micro-batches changes none of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class ClipNoise(nn.Module):
    """A module that takes uniform random numbers for each clip of its batch: those of `clip_noise`, or its own.

    Args:
        numbers: How many it takes for a clip.
    """

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.drawn: Tensor | None = None

    def uniform(self, batch: int) -> Tensor:
        """Return numbers within 0 and 1, ``float32 (batch, numbers)`` on the CPU, where no device waits for them."""
        if self.drawn is None or len(self.drawn) != batch:  # a network may show its parts another batch than clips
            return torch.rand(batch, self.numbers)
        return self.drawn


class ClipDropout(ClipNoise):
    """Dropout (Srivastava et al., 2014) of features ``(B, width)``: in training a share is zeroed, the rest scaled up.

    Args:
        width: Features of a clip.
        rate: The share.
    """

    def __init__(self, width: int, rate: float) -> None:
        super().__init__(width if rate else 0)
        self.rate = rate

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape and type."""
        if not self.training or not self.rate:
            return features
        kept = (self.uniform(len(features)) >= self.rate).div(1 - self.rate)
        return features * kept.to(features, non_blocking=True)


@contextmanager
def clip_noise(net: nn.Module, seeds: Sequence[int]) -> Iterator[None]:
    """While a network runs, forward and backward, let each clip of its batch have the noise of a seed of its own.

    Args:
        net: The network; what is not a `ClipNoise` in it draws as it always does.
        seeds: One for each clip of the batch.
    """
    modules = [module for module in net.modules() if isinstance(module, ClipNoise)]
    numbers = [module.numbers for module in modules]
    drawn = [torch.rand(sum(numbers), generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    for module, part in zip(modules, torch.split(torch.stack(drawn), numbers, dim=1), strict=True):
        module.drawn = part
    try:
        yield
    finally:
        for module in modules:
            module.drawn = None
