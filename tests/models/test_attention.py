from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tta_bench.models import attention
from tta_bench.models.attention import _HeadByHead, attend


@pytest.mark.parametrize(("tokens", "heads", "width"), [(160, 3, 64), (1568, 1, 64), (70, 2, 24)])
def test_attention_and_its_gradient_have_the_bits_of_pytorchs_on_heads_that_lie_apart(tokens, heads, width):
    values, found = torch.randn(2, tokens, 3, heads, width), []
    for attention_ in (attend, F.scaled_dot_product_attention):
        qkv = values.clone().requires_grad_()
        mixed = attention_(*qkv.permute(2, 0, 3, 1, 4))
        mixed.square().sum().backward()
        found.append((mixed.detach(), qkv.grad))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("few", "many", "cached"), [(5, 5, 1), (5, 5, 7 * 5 * 5), (5, 5, 1_000_000), (4, 5, 1), (3, 4, 1)]
)
def test_every_way_attends_in_bfloat16_as_float32_does(monkeypatch, few, many, cached):
    monkeypatch.setattr(attention, "FEW_TOKENS", few)
    monkeypatch.setattr(attention, "MANY_TOKENS", many)
    monkeypatch.setattr(attention, "CACHED_WEIGHTS", cached)
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        draw = torch.Generator().manual_seed(0)
        q, k, v = (torch.randn(2, 4, 5, 8, generator=draw).to(dtype).requires_grad_() for _ in range(3))
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            mixed = attend(q, k, v)
        assert mixed.dtype == dtype
        mixed.square().sum().backward()
        found.append([mixed.detach().float(), *(x.grad.float() for x in (q, k, v))])
    for exact, rounded in zip(*found, strict=True):
        torch.testing.assert_close(rounded, exact, atol=0.06, rtol=0.03)


def test_a_head_at_a_time_has_the_gradient_of_its_values():
    q, k, v = (torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True) for _ in range(3))
    torch.testing.assert_close(_HeadByHead.apply(q, k, v), F.scaled_dot_product_attention(q, k, v))
    assert torch.autograd.gradcheck(_HeadByHead.apply, (q, k, v))


def test_a_head_at_a_time_takes_heads_that_lie_apart_and_keeps_no_weights():
    qkv = torch.randn(2, 7, 3, 4, 8, dtype=torch.bfloat16, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.shape) or x, lambda x: x):
        mixed = _HeadByHead.apply(*qkv.permute(2, 0, 3, 1, 4))
    mixed.transpose(1, 2).flatten(2).float().square().sum().backward()
    assert set(kept[:3]) == {(8, 7, 8)}
    assert qkv.grad.isfinite().all()
    assert qkv.grad.any()
