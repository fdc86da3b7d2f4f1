"""The attentive classifier against V-JEPA 2's: written out plainly, and the original where it is at hand."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tta_bench.protocols.probe.attention import AttentiveClassifier, head_count

WIDTH, HEADS, CLASSES = 24, 4, 5


class PlainCross(nn.Module):
    """Cross-attention as V-JEPA 2 computes it: keys and values of every token."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2 * WIDTH)

    def forward(self, q: Tensor, x: Tensor) -> Tensor:
        batch, count, _ = x.shape
        asked = self.q(q).reshape(batch, 1, HEADS, WIDTH // HEADS).permute(0, 2, 1, 3)
        k, v = self.kv(x).reshape(batch, count, 2, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(asked, k, v).transpose(1, 2).reshape(batch, 1, WIDTH)


def plain_logits(ours: AttentiveClassifier, cross: PlainCross, x: Tensor) -> Tensor:
    block = ours.pooler.cross_attention_block
    cross.load_state_dict(block.xattn.state_dict())
    for layer in ours.pooler.blocks:
        x = layer(x)
    query = ours.pooler.query_tokens.repeat(len(x), 1, 1)
    query = query + cross(query, block.norm1(x))
    return ours.linear((query + block.mlp(block.norm2(query))).squeeze(1))  # type: ignore[no-any-return]


def disturbed(blocks: int) -> AttentiveClassifier:
    draw = torch.Generator().manual_seed(0)
    head = AttentiveClassifier(WIDTH, CLASSES, HEADS, blocks, draw)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.1)
    return head


@pytest.mark.parametrize("blocks", [1, 4])
def test_projecting_once_a_clip_equals_projecting_every_token(blocks: int) -> None:
    head, cross, x = disturbed(blocks), PlainCross(), torch.randn(3, 17, WIDTH)
    ours, plain = head(x), plain_logits(head, cross, x)
    assert (ours - plain).abs().max() < 1e-5
    (gradient,), (expected,) = (torch.autograd.grad(out.square().sum(), x_) for out, x_ in _with_input(head, cross, x))
    assert (gradient - expected).abs().max() < 1e-4


def _with_input(head: AttentiveClassifier, cross: PlainCross, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    first, second = x.clone().requires_grad_(), x.clone().requires_grad_()
    return [(head(first), first), (plain_logits(head, cross, second), second)]


@pytest.mark.parametrize("blocks", [1, 4])
def test_equals_the_original_with_its_weights(blocks: int) -> None:
    """Needs a checkout of facebookresearch/vjepa2 below ``TTA_BENCH_PEERS``, in the folder ``vjepa2``."""
    peer = Path(os.environ.get("TTA_BENCH_PEERS", "/nowhere")) / "vjepa2"
    if not peer.is_dir():
        pytest.skip("TTA_BENCH_PEERS has no vjepa2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(peer), *sys.path])
        original = importlib.import_module("src.models.attentive_pooler").AttentiveClassifier(
            embed_dim=WIDTH, num_heads=HEADS, depth=blocks, num_classes=CLASSES
        )
    ours, x = disturbed(blocks), torch.randn(3, 17, WIDTH)
    original.load_state_dict(ours.state_dict())
    labels, outputs = torch.tensor([0, 1, 2]), [net(x) for net in (ours, original)]
    assert (outputs[0] - outputs[1]).abs().max() < 1e-5
    for output in outputs:
        F.cross_entropy(output, labels).backward()
    known = dict(ours.named_parameters())
    for name, parameter in original.named_parameters():
        gradient = known[name].grad
        assert (parameter.grad - (0 if gradient is None else gradient)).abs().max() < 1e-4, name


def test_initial_values_are_v_jepas() -> None:
    head = AttentiveClassifier(64, 3, 4, 4, torch.Generator().manual_seed(0))
    assert float(head.pooler.query_tokens.detach().std()) == pytest.approx(0.02, rel=0.3)
    depths = [block.mlp.fc2.weight.detach().std() for block in head.pooler.blocks]
    depths.append(head.pooler.cross_attention_block.mlp.fc2.weight.detach().std())
    expected = [0.02 / (2 * depth) ** 0.5 for depth in (1, 2, 3, 3)]
    assert [float(value) for value in depths] == pytest.approx(expected, rel=0.05)
    alone = AttentiveClassifier(64, 3, 4, 1, torch.Generator().manual_seed(0))
    assert float(alone.pooler.cross_attention_block.mlp.fc2.weight.detach().std()) == pytest.approx(
        0.02 / 2**0.5, rel=0.05
    )


def test_heads_are_the_nearest_divisor() -> None:
    assert [head_count(width, 16) for width in (768, 64, 384, 1408, 72, 7)] == [16, 16, 16, 16, 18, 7]
