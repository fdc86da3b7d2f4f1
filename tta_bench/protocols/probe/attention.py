"""The attentive classifier of V-JEPA 2: self-attention blocks, then one learned query that attends to all tokens.

Architecture, initial values and parameter names follow src/models/attentive_pooler.py and src/models/utils/modules.py
of github.com/facebookresearch/vjepa2 (Assran et al., "V-JEPA 2", 2025).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-5
"""LayerNorm's epsilon, PyTorch's own."""
MLP_RATIO = 4
"""Width of a hidden layer over that of the tokens."""
INIT_STD = 0.02
"""Deviation of the initial weights, a normal distribution that is cut off."""


def head_count(width: int, wanted: int) -> int:
    """Return the divisor of a width that is nearest to a number of attention heads; of two, the smaller."""
    divisors = [number for number in range(1, width + 1) if width % number == 0]
    return min(divisors, key=lambda number: (abs(number - wanted), number))


class Mlp(nn.Module):
    """Two linear layers with GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., D)`` to the same shape."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class SelfAttention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens ``(B, N, D)`` to the same shape."""
        batch, count, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        out: Tensor = self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape))
        return out


class SelfAttentionBlock(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens ``(B, N, D)`` to the same shape."""
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


def attended(x: Tensor, towards: Tensor) -> Tensor:
    """Return the means of tokens that questions attend to ``(B, questions, D)``.

    Args:
        x: Tokens ``(B, N, D)``.
        towards: What each question multiplies a token with for its score ``(questions, D)``.
    """
    attention = (x @ towards.T).softmax(dim=1)  # (B, N, questions)
    return attention.transpose(1, 2) @ x


class CrossAttention(nn.Module):
    """Attention of one query to normalised tokens, without projecting a single token.

    The score of a token is its product with the key matrix's transpose times the query, and the value of a weighted
    mean of tokens is the weighted mean of their values: both projections are done once a clip and not once a token,
    which is the same in exact arithmetic. The bias of the keys moves all scores of a head alike, so it has no effect.
    Between the two, in `attended`, nothing depends on a parameter, so that many of these share their reading of tokens.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)

    def ask(self, query: Tensor, norm: nn.LayerNorm) -> Tensor:
        """Return each attention head's question to tokens of mean 0 and deviation 1, ``(heads, D)``.

        Args:
            query: The learned query ``(D,)``.
            norm: Has the scale and shift of the tokens' norm.
        """
        keys, _ = self._projections()
        asked = self.q(query).reshape(self.heads, 1, -1)
        out: Tensor = (asked @ keys).squeeze(1) * norm.weight * keys.shape[1] ** -0.5
        return out

    def answer(self, mean: Tensor, norm: nn.LayerNorm) -> Tensor:
        """Return ``(B, D)`` for the means that the questions attended to ``(B, heads, D)``."""
        _, values = self._projections()
        width = mean.shape[-1]
        scaled = mean * norm.weight + norm.bias
        mixed: Tensor = (scaled.transpose(0, 1) @ values.transpose(1, 2)).transpose(0, 1)  # (B, heads, D / heads)
        out: Tensor = mixed.reshape(len(mean), width) + self.kv.bias[width:]
        return out

    def _projections(self) -> tuple[Tensor, Tensor]:
        """Return the matrices of keys and of values, each ``(heads, D / heads, D)``."""
        width = self.kv.weight.shape[1]
        keys, values = self.kv.weight.reshape(2, self.heads, width // self.heads, width)
        return keys, values


class CrossAttentionBlock(nn.Module):
    """One query's attention to tokens, and an MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.xattn = CrossAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = Mlp(width)

    def answer(self, query: Tensor, mean: Tensor) -> Tensor:
        """Return ``(B, D)`` for a query ``(D,)`` and the means that it attended to ``(B, heads, D)``."""
        pooled = query + self.xattn.answer(mean, self.norm1)
        out: Tensor = pooled + self.mlp(self.norm2(pooled))
        return out


class Pooler(nn.Module):
    """Self-attention blocks, and the block with the query."""

    def __init__(self, width: int, heads: int, blocks: int) -> None:
        super().__init__()
        self.query_tokens = nn.Parameter(torch.zeros(1, 1, width))
        self.cross_attention_block = CrossAttentionBlock(width, heads)
        self.blocks = nn.ModuleList([SelfAttentionBlock(width, heads) for _ in range(blocks - 1)])

    def tokens(self, x: Tensor) -> Tensor:
        """Return the tokens ``(B, N, D)`` that the query attends to, of mean 0 and deviation 1."""
        for block in self.blocks:
            x = block(x)
        return F.layer_norm(x, x.shape[-1:], eps=EPS)

    def ask(self) -> Tensor:
        """Return the questions of the query to such tokens, ``(heads, D)``."""
        block = self.cross_attention_block
        return block.xattn.ask(self.query_tokens[0, 0], block.norm1)

    def answer(self, mean: Tensor) -> Tensor:
        """Return ``(B, D)`` for the means that the questions attended to ``(B, heads, D)``."""
        return self.cross_attention_block.answer(self.query_tokens[0, 0], mean)


class AttentiveClassifier(nn.Module):
    """Tokens ``float (B, N, D)`` to logits ``(B, classes)``.

    Args:
        width: Width of the tokens.
        classes: Number of classes.
        heads: Attention heads, a divisor of the width.
        blocks: Transformer blocks, the one with the query included.
        generator: Draws the initial values.
    """

    def __init__(self, width: int, classes: int, heads: int, blocks: int, generator: torch.Generator) -> None:
        super().__init__()
        self.pooler = Pooler(width, heads, blocks)
        self.linear = nn.Linear(width, classes)
        nn.init.trunc_normal_(self.pooler.query_tokens, std=INIT_STD, generator=generator)
        for module in self.pooler.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=INIT_STD, generator=generator)
                nn.init.zeros_(module.bias)
        bound = width**-0.5  # PyTorch's own initial values, which V-JEPA 2 leaves alone here
        nn.init.uniform_(self.linear.weight, -bound, bound, generator=generator)
        nn.init.uniform_(self.linear.bias, -bound, bound, generator=generator)
        self._rescale()

    def _rescale(self) -> None:
        """Divide what each block adds by the square root of twice its depth, the last two alike as V-JEPA 2 does."""
        with torch.no_grad():
            for depth, block in enumerate(self.pooler.blocks, start=1):
                assert isinstance(block, SelfAttentionBlock)
                block.attn.proj.weight.div_(math.sqrt(2.0 * depth))
                block.mlp.fc2.weight.div_(math.sqrt(2.0 * depth))
            last = max(1, len(self.pooler.blocks))
            self.pooler.cross_attention_block.mlp.fc2.weight.div_(math.sqrt(2.0 * last))

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens ``(B, N, D)`` to logits ``(B, classes)``."""
        return self.answer(attended(self.pooler.tokens(x), self.pooler.ask()))

    def answer(self, mean: Tensor) -> Tensor:
        """Return logits for the means that the pooler's questions attended to ``(B, heads, D)``."""
        out: Tensor = self.linear(self.pooler.answer(mean))
        return out
