"""A backbone under test: its card, its clip, and its features of the check's own clips."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn

from tta_bench.cards.kinds import BackboneCard
from tta_bench.experiments.base import ResolvedClip
from tta_bench.models.build import build_backbone
from tta_bench.models.measure import evaluating, layout_hint
from tta_bench.utils.keyed_random import torch_seed

CLIPS = 4
"""Clips of the batch that features are compared on."""


class Subject:
    """A backbone under test. What is slow is computed once, when a rule first asks for it.

    Args:
        card: The backbone's card.
        clip: The clip it is tested with; by default the card's.
    """

    def __init__(self, card: BackboneCard, clip: ResolvedClip | None = None) -> None:
        self.card = card
        self.clip = clip or own_clip(card)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of one clip, without the batch."""
        return clip_shape(self.clip)

    @cached_property
    def module(self) -> nn.Module:
        """The backbone with seed 0's initial weights."""
        return self.build(0)

    @cached_property
    def clips(self) -> Tensor:
        """Four clips ``float (4, 3, T, H, W)`` of standard normal noise, always the same."""
        generator = torch.Generator().manual_seed(torch_seed("check"))
        return torch.randn(CLIPS, *self.shape, generator=generator)

    @cached_property
    def features(self) -> Tensor:
        """Features of the first clip alone."""
        return self.run(self.module, self.clips[:1])

    def build(self, seed: int) -> nn.Module:
        """Return the backbone with the initial weights of a seed."""
        torch.manual_seed(torch_seed(seed, "init"))
        return build_backbone(self.card, self.clip)

    def run(self, module: nn.Module, clips: Tensor) -> Tensor:
        """Return a module's features of a copy of clips, in evaluation mode and without gradients."""
        with evaluating(module), torch.no_grad():
            try:
                features: Tensor = module(clips.clone())
            except Exception as error:
                error.add_note(layout_hint(module))
                raise
        return features

    def resized(self, frames: int, size: int) -> Subject:
        """Return the same backbone, to be tested with clips of another extent."""
        return Subject(self.card, self.clip.model_copy(update={"frames": frames, "size": size}))


def own_clip(card: BackboneCard) -> ResolvedClip:
    """Return the clip that a card states."""
    stride = card.stride or 1
    return ResolvedClip(span=card.frames * stride, frames=card.frames, stride=stride, size=card.size)


def clip_shape(clip: ResolvedClip) -> tuple[int, int, int, int]:
    """Return the shape ``(3, T, H, W)`` of a clip."""
    return (3, clip.frames, clip.size, clip.size)
