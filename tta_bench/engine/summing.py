"""Sums of the gradients of a step's parts, in one fixed binary tree: inside a process and across processes.

Parts are numbered over the global batch; part 2k is added to part 2k + 1, each such pair to the next, and so on. Where
the number of parts is no power of two, those that are missing at the end count for nothing, so a last one without a
neighbour moves up as it is. Floating-point addition rounds, so the order of a sum is a part of its result: this one
does not depend on who has which part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from tta_bench.engine.world import World

Value = TypeVar("Value")
BUCKET_BYTES = 2**23
"""Most bytes of gradients that processes exchange at once, but for a parameter that is larger by itself.

Few enough for the memory of one exchange to be that of the next: fresh pages took half of a sum's time.
"""


class Partial(NamedTuple, Generic[Value]):
    """The sum of the parts from ``place * 2**level`` on, ``2**level`` of them: a node of the tree."""

    level: int
    place: int
    value: Value


def push(stack: list[Partial[Value]], node: Partial[Value], add: Callable[[Value, Value], Value]) -> None:
    """Put the next node beside those before it, and add up neighbours as far as they are complete.

    Args:
        stack: Nodes in the order of their parts.
        node: The node of the parts that follow.
        add: Adds two values; the first may be changed.
    """
    stack.append(node)
    while len(stack) > 1:
        left, right = stack[-2:]
        if left.level != right.level or left.place % 2 or left.place + 1 != right.place:
            return
        stack[-2:] = [Partial(left.level + 1, left.place // 2, add(left.value, right.value))]


def fold(stack: Sequence[Partial[Value]], add: Callable[[Value, Value], Value]) -> Value:
    """Return the sum of all parts; a last node without a neighbour moves up.

    Args:
        stack: The nodes of all parts from 0 on, as `push` leaves them.
        add: Adds two values; the first may be changed.
    """
    total = stack[-1].value
    for node in reversed(stack[:-1]):
        total = add(node.value, total)
    return total


def nodes_of(parts: range) -> list[Partial[None]]:
    """Return the nodes that are left of some parts once neighbours are added up."""
    stack: list[Partial[None]] = []
    for part in parts:
        push(stack, Partial(0, part, None), lambda *_: None)
    return stack


def most_held(parts: int) -> int:
    """Return the most values that are held at once while so many parts are added up as they come."""
    return max((part.bit_count() + 1 for part in range(parts)), default=0)


Gradients = list[Tensor | None]


class GradientSum:
    """The gradients of a step's parts, added up as they come; as many are held as the number of parts has digits.

    A parameter without a gradient in some parts counts as zeros there; without one in all parts it has none. Sums are
    in float32 at least.

    Args:
        parameters: The parameters, in an order that all processes share.
        parts: The parts of this process.
    """

    def __init__(self, parameters: Sequence[Tensor], parts: range) -> None:
        self.parameters, self._coming = parameters, iter(parts)
        self._stack: list[Partial[Gradients]] = []

    def add(self) -> None:
        """Take the gradients that the parameters have now as those of the next part."""
        taken: Gradients = [_wide(parameter.grad) for parameter in self.parameters]
        self.clear()
        push(self._stack, Partial(0, next(self._coming), taken), _add)

    def clear(self) -> None:
        """Leave the parameters without gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def used(self) -> list[bool]:
        """Return, for each parameter, whether it has a gradient in some part of this process."""
        columns = zip(*(node.value for node in self._stack), strict=True)
        return [any(gradient is not None for gradient in column) for column in columns]

    def finish(self, world: World, shares: Sequence[range], used: Sequence[bool]) -> None:
        """Give every parameter the sum of its gradients in all parts of all processes, the same bits on each.

        Args:
            world: The processes.
            shares: The parts of each process, one after the other.
            used: For each parameter, whether it has a gradient in some part of some process.
        """
        if world.size == 1:
            total = fold(self._stack, _add)
            for parameter, gradient in zip(self.parameters, total, strict=True):
                parameter.grad = None if gradient is None else gradient.to(parameter.dtype)
            return
        for bucket in self._buckets(used):
            self._finish_bucket(bucket, world, [nodes_of(share) for share in shares])
        self._stack = []

    def _buckets(self, used: Sequence[bool]) -> Iterator[list[int]]:
        """Yield the numbers of the parameters that are summed at once: of one type, and not too large together."""
        bucket: list[int] = []
        size = 0
        for number in (number for number, is_used in enumerate(used) if is_used):
            parameter = self.parameters[number]
            if bucket and (
                size + parameter.nbytes > BUCKET_BYTES or parameter.dtype != self.parameters[bucket[0]].dtype
            ):
                yield bucket
                bucket, size = [], 0
            bucket.append(number)
            size += parameter.nbytes
        if bucket:
            yield bucket

    def _finish_bucket(self, bucket: Sequence[int], world: World, nodes: Sequence[Sequence[Partial[None]]]) -> None:
        """Sum the gradients of some parameters over all processes: each adds up a slice of them, and all get all."""
        parameters = [self.parameters[number] for number in bucket]
        length = -(-sum(parameter.numel() for parameter in parameters) // world.size)
        kind = torch.promote_types(parameters[0].dtype, torch.float32)
        flat = torch.zeros(length * world.size, dtype=kind, device=parameters[0].device)
        slices: list[dict[int, Tensor]] = []
        for turn in range(max(map(len, nodes))):
            givers = [rank for rank in range(world.size) if turn < len(nodes[rank])]
            sent = flat[:0]
            if turn < len(self._stack):
                values = [self._stack[turn].value[number] for number in bucket]
                _fill(flat, values, parameters)
                sent = flat
            received = world.exchange(sent, [length if rank in givers else 0 for rank in range(world.size)])
            slices.append(dict(zip(givers, torch.split(received, length), strict=True)))
        stack: list[Partial[Tensor]] = []
        for rank, left in enumerate(nodes):
            for turn, node in enumerate(left):
                push(stack, Partial(node.level, node.place, slices[turn][rank]), Tensor.add_)
        whole = world.collect(fold(stack, Tensor.add_))
        lengths = [parameter.numel() for parameter in parameters]
        for number, parameter, total in zip(
            bucket, parameters, torch.split(whole[: sum(lengths)], lengths), strict=True
        ):
            held = self._stack[0].value[number] if self._stack else None
            held = torch.empty_like(parameter, dtype=kind) if held is None else held
            parameter.grad = held.copy_(total.view_as(parameter)).to(parameter.dtype)


def _wide(gradient: Tensor | None) -> Tensor | None:
    """Return a gradient in float32 at least."""
    if gradient is None or gradient.dtype not in (torch.float16, torch.bfloat16):
        return gradient
    return gradient.float()


def _add(left: Gradients, right: Gradients) -> Gradients:
    """Add gradients to others, in place; a missing one counts as zeros where the other is there."""
    both = [(a, b) for a, b in zip(left, right, strict=True) if a is not None and b is not None]
    if both:
        torch._foreach_add_([a for a, _ in both], [b for _, b in both])
    alone = [
        one for a, b in zip(left, right, strict=True) if (a is None) != (b is None) for one in (a, b) if one is not None
    ]
    if alone:
        torch._foreach_add_(alone, 0.0)  # as adding zeros does: -0 becomes 0
    return [b if a is None else a for a, b in zip(left, right, strict=True)]


def _fill(flat: Tensor, values: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> None:
    """Write gradients one after the other, zeros for those that are missing."""
    place = 0
    for value, parameter in zip(values, parameters, strict=True):
        target = flat[place : place + parameter.numel()]
        if value is None:
            target.zero_()
        else:
            target.copy_(value.reshape(-1))
        place += parameter.numel()
