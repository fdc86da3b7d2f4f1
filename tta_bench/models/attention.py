"""Softmax attention by the quickest way of a device, a precision and a number of tokens."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

FEW_TOKENS = 1024
"""Up to here plain products are the quickest in bfloat16 on a CPU; of more tokens they keep too much memory."""
MANY_TOKENS = 8192
"""Up to here attention a head at a time is quicker than PyTorch's kernel; the weights of a head take 134 MB."""
CACHED_WEIGHTS = 2_000_000
"""Attention weights that stay in a CPU's cache until they are used."""


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return softmax attention of queries, keys and values ``(B, heads, N, D)``, of the same shape."""
    if not len(q):  # stochastic depth left no sample, which not every kernel takes
        return v
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v)
    if q.dtype == torch.bfloat16 and q.shape[2] <= FEW_TOKENS:
        return _attend_plainly(q, k, v)
    if q.dtype == torch.bfloat16 and q.shape[2] <= MANY_TOKENS:
        mixed: Tensor = _HeadByHead.apply(q, k, v)
        return mixed
    # a head's rows side by side: more than the copies cost, and the same bits
    return F.scaled_dot_product_attention(q.contiguous(), k.contiguous(), v.contiguous())


def _attend_plainly(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return softmax attention by plain products, as many heads at a time as the cache holds."""
    heads = max(1, CACHED_WEIGHTS // q.shape[2] ** 2)
    parts = zip(*(torch.split(x.flatten(0, 1), heads) for x in (q, k, v)), strict=True)
    with torch.autocast("cpu", enabled=False):  # its softmax would write float32; inside, it calculates in that anyway
        mixed = [(a * a.shape[2] ** -0.5 @ b.transpose(1, 2)).softmax(-1) @ c for a, b, c in parts]
    return torch.cat(mixed).reshape(q.shape)


class _HeadByHead(torch.autograd.Function):
    """Softmax attention whose weights lie in the memory of one head, and are worked out again for the gradient.

    It keeps as little as PyTorch's kernel, which takes a quarter longer in bfloat16 on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        shape = q.shape
        q, k, v = ((x.flatten(0, 1)) for x in (q * shape[3] ** -0.5, k, v))
        ctx.save_for_backward(q, k, v)
        mixed, weights = _like(v), _weights_of_a_head(q)
        for a, b, c, out in zip(q, k, v, mixed, strict=True):
            torch.mm(_weigh(a, b, weights), c, out=out)
        return mixed.view(shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        (q, k, v), (gradient,) = ctx.saved_tensors, gradients
        for_q, for_k, for_v = _like(q), _like(k), _like(v)
        weights, errors = _weights_of_a_head(q), _weights_of_a_head(q)
        inputs, outputs = zip(q, k, v, gradient.flatten(0, 1), strict=True), zip(for_q, for_k, for_v, strict=True)
        for (a, b, c, given), (for_a, for_b, for_c) in zip(inputs, outputs, strict=True):
            torch.mm(_weigh(a, b, weights).t(), given, out=for_c)
            torch.mm(given, c.t(), out=errors)
            torch.ops.aten._softmax_backward_data.out(errors, weights, -1, errors.dtype, grad_input=errors)
            torch.mm(errors, b, out=for_a)
            torch.mm(errors.t(), a, out=for_b)
        for_q.mul_(q.shape[2] ** -0.5)
        return tuple(found.view(gradient.shape) for found in (for_q, for_k, for_v))


def _weigh(q: Tensor, k: Tensor, weights: Tensor) -> Tensor:
    """Return the weights ``(N, N)`` of a head's scaled queries and keys ``(N, D)``, in the memory given."""
    torch.mm(q, k.t(), out=weights)
    return torch.softmax(weights, -1, out=weights)


def _weights_of_a_head(q: Tensor) -> Tensor:
    return q.new_empty(q.shape[1], q.shape[1])


def _like(heads: Tensor) -> Tensor:
    return torch.empty_like(heads, memory_format=torch.contiguous_format)
