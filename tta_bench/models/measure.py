"""Parameters, multiply-adds and output of a module, measured by one forward pass."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module) -> int:
    """Return the number of parameters, a shared one counted once; buffers do not count."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_trained(module: nn.Module) -> int | None:
    """Return the number of parameters that training changes, where it leaves others as they are; None where all are."""
    count = sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
    return None if count == count_parameters(module) else count


def count_gmacs(module: nn.Module, clip_shape: tuple[int, ...]) -> float | None:
    """Return the multiply-adds of one view, in units of 10^9, printed as GFLOPs by most papers; None if uncounted.

    Matrix products and convolutions count, those inside attention included; additions, norms and activations do not.

    Args:
        module: Any module; its training mode and weights stay as they are.
        clip_shape: Shape of one input without the batch, ``(3, T, H, W)`` for video.
    """
    operations = trace(module, clip_shape)[1]
    return None if operations is None else operations / 2e9


def trace(module: nn.Module, clip_shape: tuple[int, ...]) -> tuple[Any, int | None]:
    """Run one forward pass of a batch of one clip of zeros; return the output and the floating-point operations.

    The pass is made on a copy without data (PyTorch's meta device), which takes no time, or, where the module needs
    data to run, on the module itself. An output from a copy has a shape and a type, but no values. The operations are
    None where PyTorch's counter fails and the module does not.
    """
    for empty in (True, False):
        try:
            return _forward(_without_data(module) if empty else module, clip_shape)
        except Exception:  # noqa: S112 - what cannot run so runs for real and uncounted, where its own error is raised
            continue
    return _plain_forward(module, clip_shape), None


def describe_output(output: object) -> str:
    """Return a phrase about an output that is no tensor, with the tensors in it of which one could be returned."""
    kind = type(output).__name__
    if isinstance(output, Mapping):
        inner = {f".{name}": value for name, value in output.items() if isinstance(value, Tensor)}
        shapes = [f"{name[1:]} {tuple(value.shape)}" for name, value in inner.items()]
    elif isinstance(output, list | tuple):
        inner = {f"[{index}]": value for index, value in enumerate(output) if isinstance(value, Tensor)}
        shapes = [str(tuple(value.shape)) for value in inner.values()]
    else:
        return f"a {kind}"
    if not inner:
        return f"a {kind} without a tensor"
    first = next(iter(inner))
    place = f"['{first[1:]}']" if type(output) is dict else first
    return f"a {kind} of {' and '.join(shapes)}: return one of them, e.g. output{place}"


def one_line(error: Exception, most: int = 300) -> str:
    """Return an error's text in one line, or its type where it has none."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else f"{text[:most]} ..."


def layout_hint(module: nn.Module) -> str:
    """Return a hint for a module that fails on a clip and holds a model of transformers; empty for any other."""
    if not any(type(child).__module__.startswith("transformers.") for child in module.modules()):
        return ""
    return "(Clips are (B, C, T, H, W) here; video models of transformers take (B, T, C, H, W): clip.transpose(1, 2).)"


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
    with FlopCounterMode(display=False) as counter:
        output = _plain_forward(module, clip_shape)
    return output, counter.get_total_flops()


def _plain_forward(module: nn.Module, clip_shape: tuple[int, ...]) -> Any:
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    with evaluating(module), torch.no_grad():
        return module(torch.zeros(1, *clip_shape, device=device))


def _without_data(module: nn.Module) -> nn.Module:
    """Copy a module, with parameters and buffers that have a shape but no memory."""
    copies: dict[int, Any] = {}
    for tensor in chain(module.parameters(), module.buffers()):
        empty: Tensor = torch.empty_like(tensor, device="meta")
        # Without gradients, or the counter's hooks would fail in modules that only hand a parameter on.
        copies[id(tensor)] = nn.Parameter(empty, requires_grad=False) if isinstance(tensor, nn.Parameter) else empty
    return copy.deepcopy(module, copies)
