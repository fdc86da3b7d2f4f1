from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tta_bench.models import attention
from tta_bench.models.attention import _PlainProducts, attend


@pytest.mark.parametrize(("tokens", "heads", "width"), [(160, 3, 64), (1568, 1, 64), (70, 2, 24)])
def test_attention_and_its_gradient_have_the_bits_of_pytorchs_on_heads_that_lie_apart(tokens, heads, width):
    values, found = torch.randn(2, tokens, 3, heads, width), []
    for attention_ in (attend, F.scaled_dot_product_attention):
        qkv = values.clone().requires_grad_()
        mixed = attention_(*qkv.permute(2, 0, 3, 1, 4))
        mixed.square().sum().backward()
        found.append((mixed.detach(), qkv.grad))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize(("few", "cached"), [(5, 1), (5, 7 * 5 * 5), (5, 1_000_000), (4, 1)])
def test_every_way_attends_in_bfloat16_as_float32_does(monkeypatch, few, cached):
    monkeypatch.setattr(attention, "FEW_TOKENS", few)
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


@pytest.mark.parametrize("cached", [1, 7 * 4 * 4, 1_000_000])
def test_plain_products_have_the_gradient_of_their_values_on_heads_that_lie_apart(monkeypatch, cached):
    monkeypatch.setattr(attention, "CACHED_WEIGHTS", cached)
    q, k, v = (torch.randn(2, 4, 3, 5, dtype=torch.float64).transpose(1, 2).requires_grad_() for _ in range(3))
    torch.testing.assert_close(_PlainProducts.apply(q, k, v), F.scaled_dot_product_attention(q, k, v))
    assert torch.autograd.gradcheck(_PlainProducts.apply, (q, k, v))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_compiled_as_one_graph_it_has_the_same_bits(dtype):
    found = []
    for attends in (attend, torch.compile(attend, backend="aot_eager", fullgraph=True, dynamic=False)):
        draw = torch.Generator().manual_seed(0)
        q, k, v = (torch.randn(2, 4, 5, 8, generator=draw).to(dtype).requires_grad_() for _ in range(3))
        mixed = attends(q, k, v)
        mixed.square().sum().backward()
        found.append([mixed.detach(), q.grad, k.grad, v.grad])
    assert all(torch.equal(eager, compiled) for eager, compiled in zip(*found, strict=True))
