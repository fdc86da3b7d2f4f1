"""Softmax attention by the quickest way of a device, a precision and a number of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

FEW_TOKENS = 2048
"""Up to here plain products are the quickest in bfloat16 on a CPU; of more tokens they keep too much memory."""
CACHED_WEIGHTS = 2_000_000
"""Attention weights that stay in a CPU's cache until they are used."""


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return softmax attention of queries, keys and values ``(B, heads, N, D)``, of the same shape."""
    if not len(q):  # stochastic depth left no sample, which not every kernel takes
        return v
    if q.device.type != "cpu" or type(q) is not Tensor:  # tensors without data stand for a GPU's
        return F.scaled_dot_product_attention(q, k, v)
    if q.dtype == torch.bfloat16 and q.shape[2] <= FEW_TOKENS:
        mixed: Tensor = _PlainProducts.apply(q, k, v)
        return mixed
    # a head's rows side by side: more than the copies cost, and the same bits
    return F.scaled_dot_product_attention(q.contiguous(), k.contiguous(), v.contiguous())


class _PlainProducts(torch.autograd.Function):
    """Softmax attention by plain products, as many heads at a time as the cache holds; a gradient keeps the weights.

    PyTorch's kernel, which keeps none, takes half as long again in bfloat16 on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scaled, flat_k, flat_v = (x.flatten(0, 1) for x in (q * q.shape[3] ** -0.5, k, v))
        mixed, kept = _like(flat_v), []
        for a, b, c, out in _together(scaled, flat_k, flat_v, mixed):
            weights = torch.bmm(a, b.transpose(1, 2))
            torch.bmm(torch.softmax(weights, -1, out=weights), c, out=out)
            kept += [weights] if any(ctx.needs_input_grad) else []
        ctx.save_for_backward(scaled, flat_k, flat_v, *kept)
        return mixed.view(q.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        (q, k, v, *kept), (gradient,) = ctx.saved_tensors, gradients
        for_q, for_k, for_v = _like(q), _like(k), _like(v)
        parts = _together(q, k, v, gradient.flatten(0, 1), for_q, for_k, for_v)
        for weights, (a, b, c, given, for_a, for_b, for_c) in zip(kept, parts, strict=True):
            torch.bmm(weights.transpose(1, 2), given, out=for_c)
            errors = torch.bmm(given, c.transpose(1, 2))
            torch.ops.aten._softmax_backward_data.out(errors, weights, -1, errors.dtype, grad_input=errors)
            torch.bmm(errors, b, out=for_a)
            torch.bmm(errors.transpose(1, 2), a, out=for_b)
        for_q.mul_(q.shape[2] ** -0.5)
        return tuple(found.view(gradient.shape) for found in (for_q, for_k, for_v))


def _together(*heads: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield as many heads ``(n, N, D)`` of each tensor at a time as the cache holds."""
    count = max(1, CACHED_WEIGHTS // heads[0].shape[1] ** 2)
    return zip(*(torch.split(x, count) for x in heads), strict=True)


def _like(heads: Tensor) -> Tensor:
    return torch.empty_like(heads, memory_format=torch.contiguous_format)
