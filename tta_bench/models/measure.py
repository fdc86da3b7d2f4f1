"""Parameters, multiply-adds and output of a module, measured by one forward pass."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module) -> int:
    """Return the number of parameters, a shared one counted once; buffers do not count."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_gmacs(module: nn.Module, clip_shape: tuple[int, ...]) -> float:
    """Return the multiply-adds of one view, in units of 10^9, printed as GFLOPs by most papers.

    Matrix products and convolutions count, those inside attention included; additions, norms and activations do not.

    Args:
        module: Any module; its training mode and weights stay as they are.
        clip_shape: Shape of one input without the batch, ``(3, T, H, W)`` for video.
    """
    return trace(module, clip_shape)[1] / 2e9


def trace(module: nn.Module, clip_shape: tuple[int, ...]) -> tuple[Any, int]:
    """Run one forward pass of a batch of one clip of zeros; return the output and the floating-point operations.

    The pass is made on a copy without data (PyTorch's meta device), which takes no time, or, where the module needs
    data to run, on the module itself. An output from a copy has a shape and a type, but no values.
    """
    try:
        return _forward(_without_data(module), clip_shape)
    except Exception:  # whatever cannot run without data runs for real, where its own error is raised
        return _forward(module, clip_shape)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module in evaluation mode, and on leaving put every submodule back in the mode it had."""
    modes = [(child, child.training) for child in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for child, mode in modes:
            child.training = mode


def _forward(module: nn.Module, clip_shape: tuple[int, ...]) -> tuple[Any, int]:
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    with evaluating(module), torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = module(torch.zeros(1, *clip_shape, device=device))
    return output, counter.get_total_flops()


def _without_data(module: nn.Module) -> nn.Module:
    """Copy a module, with parameters and buffers that have a shape but no memory."""
    copies: dict[int, Any] = {}
    for tensor in chain(module.parameters(), module.buffers()):
        empty: Tensor = torch.empty_like(tensor, device="meta")
        copies[id(tensor)] = nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty
    return copy.deepcopy(module, copies)
