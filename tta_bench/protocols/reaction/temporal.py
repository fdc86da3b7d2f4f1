"""From a sequence of features, as long as it may be, to one vector."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tta_bench.errors import unknown
from tta_bench.models.backbones.videomae import sinusoid_positions
from tta_bench.models.noise import ClipDropout

MLP_RATIO = 4
"""Hidden width of a transformer layer's MLP, in widths of its tokens (Vaswani et al., 2017)."""


class PaddedSequence(NamedTuple):
    """A batch of sequences of different lengths, with something behind each that makes them equally long."""

    values: Tensor
    """``(B, T, ...)``; for clips ``(B, 3, T, H, W)``."""
    lengths: Tensor
    """``int64 (B,)``: how much of each is its own; 0 where there is nothing."""


class MeanHead(nn.Module):
    """The mean over time, and one layer: ``(B, T, D) -> (B, width)``.

    Args:
        features: D.
        width: Width of the result.
        dropout: Share of the mean that is zeroed in training.
    """

    def __init__(self, features: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layer = nn.Sequential(ClipDropout(features, dropout), nn.Linear(features, width), nn.GELU())

    def forward(self, sequence: PaddedSequence) -> Tensor:
        """Return one vector for each sequence."""
        vector: Tensor = self.layer(masked_mean(sequence))
        return vector


class GruHead(nn.Module):
    """A recurrent network whose last state is the result: ``(B, T, D) -> (B, width)``.

    Args:
        features: D.
        width: Width of the state.
        layers: Layers of the network.
        dropout: Between layers and before the result.
    """

    def __init__(self, features: int, width: int, layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.project = nn.Linear(features, width)
        self.gru = nn.GRU(width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.dropout = ClipDropout(width, dropout)

    def forward(self, sequence: PaddedSequence) -> Tensor:
        """Return the state after each sequence's own last element."""
        lengths = sequence.lengths.clamp(min=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            self.project(sequence.values), lengths, batch_first=True, enforce_sorted=False
        )
        vector: Tensor = self.dropout(self.gru(packed)[1][-1])
        return vector


class TransformerHead(nn.Module):
    """A pre-norm transformer over time, averaged: ``(B, T, D) -> (B, width)``.

    Args:
        features: D.
        width: Width of the tokens.
        layers: Layers.
        heads: Attention heads; they share the width.
        dropout: In the layers.
    """

    def __init__(self, features: int, width: int, layers: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                f"width {width} / {heads} heads = {width / heads:g}: the heads must share the width evenly"
            )
        self.project = nn.Linear(features, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, MLP_RATIO * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(self, sequence: PaddedSequence) -> Tensor:
        """Return the mean over each sequence's own tokens; what is behind them is not attended to."""
        x = self.project(sequence.values)
        x = x + sinusoid_positions(x.shape[1], x.shape[2], x.device).to(x.dtype)
        behind = ~present_elements(sequence.lengths.clamp(min=1), x.shape[1])
        return masked_mean(PaddedSequence(self.layers(x, src_key_padding_mask=behind), sequence.lengths))


def temporal_head(kind: str, features: int, width: int, layers: int, heads: int, dropout: float) -> nn.Module:
    """Return a head of a kind: ``mean``, ``gru`` or ``transformer``.

    Raises:
        UserError: There is no such kind.
        ValueError: The heads do not share the width evenly.
    """
    if kind == "mean":
        return MeanHead(features, width, dropout)
    if kind == "gru":
        return GruHead(features, width, layers, dropout)
    if kind == "transformer":
        return TransformerHead(features, width, layers, heads, dropout)
    raise unknown("temporal head", kind, ("mean", "gru", "transformer"))


def present_elements(lengths: Tensor, longest: int) -> Tensor:
    """Return which elements are a sequence's own: ``bool (B, longest)``."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def masked_mean(sequence: PaddedSequence) -> Tensor:
    """Return the mean over each sequence's own elements, ``(B, D)``; zeros where there are none."""
    values, lengths = sequence
    own = present_elements(lengths, values.shape[1])[..., None]
    return (values * own).sum(1) / lengths.clamp(min=1)[:, None].to(values.dtype)
