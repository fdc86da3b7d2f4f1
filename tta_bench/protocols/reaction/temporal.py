"""Temporal heads: from a sequence of features of any length to one vector."""

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
    """A batch of sequences of different lengths, padded to the longest."""

    values: Tensor
    """``(B, T, ...)``; for clips ``(B, 3, T, H, W)``."""
    lengths: Tensor
    """``int64 (B,)``: length of each without its padding; 0 for an empty one."""


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
    """A recurrent network (GRU) and its last state: ``(B, T, D) -> (B, width)``.

    Args:
        features: D.
        width: Width of the state.
        layers: Layers of the network.
        dropout: Dropout between layers and of the result.
    """

    def __init__(self, features: int, width: int, layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.project = nn.Linear(features, width)
        self.gru = nn.GRU(width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.dropout = ClipDropout(width, dropout)

    def forward(self, sequence: PaddedSequence) -> Tensor:
        """Return the state after each sequence's last element, padding aside."""
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
        heads: Attention heads, among which the width is divided.
        dropout: Dropout in the layers.
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
        """Return the mean over each sequence's tokens; padding is masked."""
        x = self.project(sequence.values)
        x = x + sinusoid_positions(x.shape[1], x.shape[2], x.device).to(x.dtype)
        padding = ~present_elements(sequence.lengths.clamp(min=1), x.shape[1])
        return masked_mean(PaddedSequence(self.layers(x, src_key_padding_mask=padding), sequence.lengths))


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
    """Return a mask ``bool (B, longest)``, true for elements and false for padding."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def masked_mean(sequence: PaddedSequence) -> Tensor:
    """Return the mean over each sequence's elements ``(B, D)``; zeros for an empty one."""
    values, lengths = sequence
    present = present_elements(lengths, values.shape[1])[..., None]
    return (values * present).sum(1) / lengths.clamp(min=1)[:, None].to(values.dtype)
