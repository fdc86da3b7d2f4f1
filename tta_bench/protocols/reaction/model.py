"""Network from the faces and features of a reaction to its intensities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tta_bench.cards.kinds import BackboneCard
from tta_bench.experiments.reaction import ReactionSettings, ResolvedFaceClip
from tta_bench.models.build import build_backbone
from tta_bench.models.classifier import measure_width
from tta_bench.models.noise import ClipDropout
from tta_bench.protocols.reaction.temporal import PaddedSequence, present_elements, temporal_head
from tta_bench.utils.keyed_random import torch_seed

OUTLIER = 8.0
"""Standardised features are clipped to this: the logarithm of a silence must not outweigh all else."""
NO_SPREAD = 1e-6
"""A feature is constant, and standardised to 0, if its deviation is at most this fraction of its mean."""


class Statistics(NamedTuple):
    """Mean and deviation of each of D features over the training part, ``float32 (D,)``."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]


class VisualPath(nn.Module):
    """A visual encoder and a temporal head over its features: clips ``(B, 3, T, H, W)`` to ``(B, width)``.

    An image encoder is shown the frames without padding, which costs no time then and does not enter batch norm. A
    video encoder is shown whole clips.

    Args:
        encoder: Maps clips to features ``(B, D)`` or tokens ``(B, N, D)``.
        head: Maps a `PaddedSequence` of them to one vector.
        by_frame: True for an image encoder, which gives one token for each frame.
        frozen: True if the encoder is not trained, batch norm included.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, by_frame: bool, frozen: bool = False) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.by_frame, self.frozen = by_frame, frozen
        if frozen:
            encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> VisualPath:
        """Set the mode; a frozen encoder stays in evaluation."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, clips: PaddedSequence) -> Tensor:
        """Return one vector for each clip; that of a clip without frames is to be ignored."""
        vector: Tensor = self.head(self._by_frame(clips) if self.by_frame else self._by_clip(clips))
        return vector

    def _by_frame(self, clips: PaddedSequence) -> PaddedSequence:
        present = present_elements(clips.lengths, clips.values.shape[2])
        features = self.encoder(clips.values.transpose(1, 2)[present].unsqueeze(2)).flatten(1)
        tokens = features.new_zeros(*present.shape, features.shape[-1])
        tokens[present] = features
        return PaddedSequence(tokens, clips.lengths)

    def _by_clip(self, clips: PaddedSequence) -> PaddedSequence:
        present = clips.lengths > 0
        features: Tensor = self.encoder(clips.values[present])
        features = features if features.ndim == 3 else features.unsqueeze(1)
        tokens = features.new_zeros(len(present), *features.shape[1:])
        tokens[present] = features
        return PaddedSequence(tokens, present * features.shape[1])


class FeaturePath(nn.Module):
    """Extracted features, standardised, and a temporal head over them: ``(B, T, D)`` to ``(B, width)``.

    Args:
        head: Maps a `PaddedSequence` to one vector.
        statistics: Mean and deviation over the training part; kept in the checkpoint.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, head: nn.Module, statistics: Statistics) -> None:
        super().__init__()
        self.head = head
        mean, std = map(torch.as_tensor, statistics)
        flat = std <= NO_SPREAD * mean.abs().clamp(min=NO_SPREAD)
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", torch.where(flat, torch.inf, std))

    def forward(self, features: PaddedSequence) -> Tensor:
        """Return one vector for each clip; that of a clip without features is to be ignored."""
        standard = ((features.values - self.mean) / self.std).clamp(-OUTLIER, OUTLIER)
        vector: Tensor = self.head(PaddedSequence(standard, features.lengths))
        return vector


class ReactionNet(nn.Module):
    """One path for each modality, their vectors concatenated, and a sigmoid for each target.

    A modality that a clip lacks, or that is hidden, is replaced by a learnt vector, and the last layer is told which
    ones are shown (modality dropout: Neverova et al., "ModDrop", 2016).

    Args:
        paths: One module for each modality, from a `PaddedSequence` to ``(B, width)``.
        width: Width of each path's vector.
        dropout: Share of the vectors that is zeroed in training.
        means: Mean intensity of each target over the training part, the untrained network's output.
    """

    def __init__(self, paths: Sequence[nn.Module], width: int, dropout: float, means: Sequence[float]) -> None:
        super().__init__()
        self.paths = nn.ModuleList(paths)
        self.missing = nn.Parameter(torch.zeros(len(paths), width))
        self.dropout = ClipDropout(len(paths) * (width + 1), dropout)
        self.head = nn.Linear(len(paths) * (width + 1), len(means))
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        with torch.no_grad():
            self.head.bias.copy_(torch.tensor(means).clamp(0.01, 0.99).logit())

    def forward(self, inputs: Sequence[PaddedSequence], hidden: Tensor | None = None) -> Tensor:
        """Map the input of each path to intensities ``(B, targets)`` within 0 and 1.

        Args:
            inputs: One for each path; a length of 0 where a clip lacks it.
            hidden: ``bool (B, paths)``: true for modalities that are not to be used although the clip has them.
        """
        shown = torch.stack([modality.lengths > 0 for modality in inputs], dim=1)
        shown = shown if hidden is None else shown & ~hidden
        vectors = [
            torch.where(seen[:, None], _vector(path, modality, seen, missing), missing)
            for path, modality, seen, missing in zip(self.paths, inputs, shown.T, self.missing, strict=True)
        ]
        joined = torch.cat([*vectors, shown.to(vectors[0].dtype)], dim=1)
        intensities: Tensor = self.head(self.dropout(joined)).float().sigmoid()
        return intensities


def _vector(path: nn.Module, modality: PaddedSequence, seen: Tensor, missing: Tensor) -> Tensor:
    """Return a path's vectors ``(B, width)``; a path that no clip of the batch uses is skipped."""
    if not bool(seen.any()):
        return missing.expand(len(seen), -1)
    vector: Tensor = path(modality)
    return vector


class HidingDraws(NamedTuple):
    """Random numbers within 0 and 1 that decide what is hidden, ``(B, M)`` each."""

    hidden: NDArray[np.float64]
    spared: NDArray[np.float64]

    @classmethod
    def of(cls, clips: int, modalities: int, rng: np.random.Generator) -> HidingDraws:
        """Draw those of a step's clips, whatever they have."""
        return cls(rng.random((clips, modalities)), rng.random((clips, modalities)))


def hide_modalities(present: NDArray[np.bool_], share: float, draws: HidingDraws) -> NDArray[np.bool_]:
    """Return the modalities of each clip that are hidden in a step, ``bool (B, M)``; at least one is always left.

    Args:
        present: ``(B, M)``: true for modalities that a clip has.
        share: Probability that a modality is hidden.
        draws: Random numbers of these clips.
    """
    hidden = present & (draws.hidden < share)
    spared = np.where(present, draws.spared, -1.0).argmax(axis=1)
    nothing_left = (hidden == present).all(axis=1)
    hidden[nothing_left, spared[nothing_left]] = False
    return hidden


def build_reaction_net(
    card: BackboneCard,
    clip: ResolvedFaceClip,
    train: ReactionSettings,
    statistics: Sequence[Statistics | None],
    means: Sequence[float],
    seed: int,
) -> ReactionNet:
    """Return the network of a card, or of a joined card's parts, with the initial weights of a seed.

    Args:
        card: The backbone.
        clip: Extent of the clips for visual parts.
        train: Temporal head and dropout.
        statistics: Mean and deviation of each part's features; None for visual parts.
        means: Mean intensity of each target over the training part.
        seed: The experiment's seed.

    Raises:
        UserError: A backbone cannot be built or refuses the clip.
    """
    torch.manual_seed(torch_seed(seed, "init"))
    parts = card.parts or (card,)
    paths = [_path(part, clip, train, known) for part, known in zip(parts, statistics, strict=True)]
    return ReactionNet(paths, train.width, train.dropout, means)


def _path(
    part: BackboneCard, clip: ResolvedFaceClip, train: ReactionSettings, statistics: Statistics | None
) -> VisualPath | FeaturePath:
    def head(features: int) -> nn.Module:
        return temporal_head(train.temporal, features, train.width, train.layers, train.heads, train.dropout)

    if not part.sees:
        assert statistics is not None
        return FeaturePath(head(len(statistics.mean)), statistics)
    encoder = build_backbone(part, clip.extent)
    by_frame = part.modality == "image"
    frames = 1 if by_frame else clip.frames
    width = measure_width(encoder, (3, frames, clip.size, clip.size))
    return VisualPath(encoder, head(width), by_frame, frozen=train.encoder_lr == 0)
