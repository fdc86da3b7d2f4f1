"""The floor of a training step: its matrix products, each done again by itself, with nothing between them.

What a step does is recorded operation by operation while it runs, so its floor has the shapes, the strides, the types
and the dropped blocks of that very step. Two floors are told apart: with attention as PyTorch's kernel computes it,
and with attention's products alone, as plain products of each head without a softmax: two, and five for their
gradients, since the kernel does the first of them again and does not keep ``N x N`` weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from benchmarks.apart import Calls
from tta_bench.engine.memory import freed_kept

WITH_ATTENTION, ALONE = "its products and attention", "its products alone"
"""Names of the two floors."""

ATEN = torch.ops.aten
PRODUCTS = {
    *(ATEN.mm.default, ATEN.bmm.out, ATEN.addmm.default, ATEN.bmm.default, ATEN.baddbmm.default),
    *(ATEN.convolution.default, ATEN.convolution_backward.default),
}
ATTENTION = {ATEN._scaled_dot_product_flash_attention_for_cpu.default: 2}
"""Kernels of attention, and the products in each: of queries and keys, of weights and values."""
ATTENTION_GRADIENT = {ATEN._scaled_dot_product_flash_attention_for_cpu_backward.default: 5}


@dataclass(frozen=True)
class Form:
    """All of a tensor but its values."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


class Done(NamedTuple):
    """An operation of a step: its function, and its arguments with the form of each tensor in its place."""

    function: Any
    arguments: tuple[Any, ...]
    named: dict[str, Any]


class Recorded(TorchDispatchMode):
    """While it is entered, keeps the products and attentions that are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[Done] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do an operation, and keep it if it is a product."""
        named = kwargs or {}
        if func in PRODUCTS or func in ATTENTION or func in ATTENTION_GRADIENT:
            self.done.append(Done(func, *tree_map_only(Tensor, _form, (tuple(args), named))))
        return func(*args, **named)


@contextmanager
def with_floors(name: str, make: Callable[[], Callable[[str], object]], precision: str) -> Iterator[Calls]:
    """Hold a step in a precision and its floors, in memory that is kept to the end, as `train` keeps it."""
    with freed_kept(torch.device("cpu")):
        yield Floor(partial(make(), precision)).calls(name)


class Floor:
    """The products of the last recorded step.

    Args:
        step: The step, which is recorded whenever `run` is called.
    """

    def __init__(self, step: Callable[[], object]) -> None:
        self.step = step
        self.done: list[Done] = []
        self._rooms: dict[tuple[torch.dtype, int], Tensor] = {}

    def run(self) -> object:
        """Do the step, and keep its products; recording takes some milliseconds, which count as the step's."""
        with Recorded() as recorded:
            result = self.step()
        self.done = recorded.done
        return result

    def calls(self, ours: str) -> dict[str, Callable[[], object]]:
        """Return the step and its two floors, named for a table."""
        return {ours: self.run, WITH_ATTENTION: self.with_attention, ALONE: self.products}

    def with_attention(self) -> None:
        """Do the products again, and attention as its kernel computes it."""
        for done in self.done:
            self._again(done)

    def products(self) -> None:
        """Do the products again, and of attention its products alone."""
        for done in self.done:
            count = {**ATTENTION, **ATTENTION_GRADIENT}.get(done.function)
            if count is None:
                self._again(done)
            else:
                forms = [value for value in done.arguments if isinstance(value, Form)]
                queries = forms[0] if done.function in ATTENTION else forms[1]
                self._head_by_head(queries, count)

    def _again(self, done: Done) -> None:
        """Do an operation on other values; of a product with an added bias the product alone."""
        function, arguments = done.function, done.arguments
        if function is ATEN.addmm.default:
            function, arguments = ATEN.mm.default, arguments[1:3]
        numbers = iter(range(100))
        given, named = tree_map_only(Form, lambda form: self._room(form, next(numbers)), (arguments, done.named))
        function(*given, **named)

    def _head_by_head(self, queries: Form, count: int) -> None:
        """Do products of ``(N, D)``, ``(D, N)`` and of ``(N, N)``, ``(N, D)``, as many of each, for every head."""
        batch, heads, tokens, width = queries.shape
        a, b = (self._room(Form((tokens, width), (width, 1), queries.dtype), number) for number in range(2))
        weights = self._room(Form((tokens, tokens), (tokens, 1), queries.dtype), 0)
        narrow = self._room(Form((tokens, width), (width, 1), queries.dtype), 2)
        for _ in range(batch * heads):
            if count == 2:
                torch.mm(a, b.t(), out=weights)
                torch.mm(weights, b, out=narrow)
            else:
                for _ in range(2):
                    torch.mm(a, b.t(), out=weights)
                for left in (weights.t(), weights, weights.t()):
                    torch.mm(left, b, out=narrow)

    def _room(self, form: Form, number: int) -> Tensor:
        """Return a tensor of a form; those of one number and type share their memory."""
        key = (form.dtype, number)
        extent = 1 + sum((size - 1) * step for size, step in zip(form.shape, form.stride, strict=True))
        if key not in self._rooms or len(self._rooms[key]) < extent:
            self._rooms[key] = torch.rand(max(extent, 1)).mul_(0.02).to(form.dtype)
        return self._rooms[key].as_strided(form.shape, form.stride)


def _form(tensor: Tensor) -> Form:
    return Form(tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)
