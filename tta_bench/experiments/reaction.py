"""Reaction intensities: the card, the settings (keys as users type them) and the experiment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from tta_bench.cards.kinds import BackboneCard, Recipe
from tta_bench.cards.protocol import ProtocolCard, TierSettings
from tta_bench.cards.validation import Strict, optional_since_v1
from tta_bench.errors import UserError
from tta_bench.experiments.base import ClipSettings, Experiment, ResolvedClip, resolve_clip
from tta_bench.experiments.common import DataSettings
from tta_bench.experiments.ranges import MOST, Decay, require_heads

CropperName = Literal["none", "centre", "haar", "yunet"]


class FaceClipSettings(Strict):
    """Frames of a reaction, and the crop taken from each."""

    frames: int | None = Field(default=None, gt=0, le=10_000)
    """Frames of a clip (the most, at one frame a second); by default the backbone's."""
    size: int | None = Field(default=None, gt=0, le=8192)
    """Height and width of a face crop in pixels; by default the backbone's."""
    sampling: Literal["uniform", "1fps"] = "uniform"
    """Frames spread evenly over the clip, or one a second."""
    cropper: CropperName = "haar"
    """Face crop: the whole frame, its centre square, OpenCV's Haar cascade, or YuNet with ``data.face_model``."""


class ReactionSettings(Strict):
    """A recipe for intensities. Learning rates are as written: they do not scale with ``batch``."""

    batch: int = Field(gt=0, le=MOST)
    """Clips in one optimisation step."""
    epochs: int | None = Field(default=None, gt=0, le=MOST)
    """Passes over the training part."""
    steps: int | None = Field(default=None, gt=0, le=MOST)
    """Optimisation steps; goes before ``epochs``."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps in which the learning rate rises linearly from 0."""
    lr: float = Field(gt=0, le=1e6)
    """Highest learning rate of everything but the visual encoder."""
    encoder_lr: float = Field(default=0.1, ge=0, le=1e6)
    """Factor on it for the visual encoder; 0 freezes it."""
    min_lr: float = Field(default=0.0, ge=0, le=1e6)
    """Learning rate at the end of the cosine."""
    optimizer: str | None = optional_since_v1()
    """Name of the optimizer; by default ``adamw``."""
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Decay rates of the optimizer's running means of the gradient and of its square."""
    weight_decay: float = Field(default=0.05, ge=0, le=1e6)
    """Weight decay; none on biases and norms."""
    clip_grad: float | None = Field(default=None, gt=0, le=1e12)
    """Largest norm of the gradient, or null for none."""
    temporal: Literal["mean", "gru", "transformer"] = "transformer"
    """Temporal pooling: makes one vector of a sequence."""
    layers: int = Field(default=2, gt=0, le=1000)
    """Layers of the temporal head."""
    heads: int = Field(default=4, gt=0, le=1000)
    """Attention heads of the temporal head."""
    width: int = Field(default=256, gt=0, le=65_536)
    """Width of the temporal head."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout in the temporal head and before the output."""
    modality_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability that a modality of a clip is hidden in training; one always stays."""
    flip: float = Field(default=0.5, ge=0, le=1)
    """Probability of a horizontal flip of a clip's faces."""
    norm_batch: int | None = optional_since_v1(gt=0, le=MOST, multiple_of=2)
    """Clips that a network with batch norm sees at once in training; null takes ``runtime.micro_batch``."""

    @model_validator(mode="after")
    def _even(self) -> ReactionSettings:
        if self.temporal == "transformer":
            require_heads(self.width, self.heads)
        return self


class ReactionEvalSettings(Strict):
    """Test of intensities."""

    split: Literal["val", "test"] = "val"
    """The part that is scored; the test part has no labels, and gives a file for the challenge."""
    select: Literal["last"] = "last"
    """Epoch that is scored."""


class ReactionTier(TierSettings):
    """One tier of a protocol that estimates intensities."""

    clip: FaceClipSettings
    recipes: dict[Recipe, ReactionSettings]
    """A recipe for each kind of backbone."""
    eval: ReactionEvalSettings


class ReactionCard(ProtocolCard):
    """A protocol that estimates intensities of a reaction."""

    full: ReactionTier
    sample: ReactionTier


class ResolvedFaceClip(Strict):
    """A reaction's clip, resolved from protocol, backbone and the user's keys."""

    frames: int
    """Frames of a clip, at most; 0 without a visual backbone."""
    size: int
    """Height and width of a face crop in pixels; 0 without a visual backbone."""
    sampling: Literal["uniform", "1fps"]
    """Frames spread evenly over the clip, or one a second."""
    cropper: CropperName
    """Face crop."""

    @property
    def extent(self) -> ResolvedClip:
        """Extent that a visual encoder is built for; the stride is nominal, since frame spacing varies per clip."""
        return ResolvedClip(span=self.frames, frames=self.frames, stride=1, size=self.size)


def resolve_face_clip(clip: FaceClipSettings, backbone: BackboneCard) -> ResolvedFaceClip:
    """Return the clip of a reaction for a backbone; all visual parts of joined backbones get the same.

    Raises:
        UserError: A backbone does not take clips of that size or length.
    """
    extents = {
        (part.frames, part.size)
        for card in (backbone.parts or (backbone,))
        if card.sees
        for part in [resolve_clip(ClipSettings(span=1, stride=1, frames=clip.frames, size=clip.size), card)]
    }
    if len(extents) > 1:
        wanted = ", ".join(f"{frames} frames of {size} pixels" for frames, size in sorted(extents))
        raise UserError(
            f"the parts of {backbone.name} want different clips: {wanted}.", "Say clip.frames and clip.size."
        )
    frames, size = extents.pop() if extents else (0, 0)
    return ResolvedFaceClip(frames=frames, size=size, sampling=clip.sampling, cropper=clip.cropper)


class ReactionExperiment(Experiment, component="Reaction"):
    """A training that estimates intensities, and its test."""

    protocol: ReactionCard
    clip: ResolvedFaceClip
    train: ReactionSettings
    eval: ReactionEvalSettings
    face_model: Path | None
    """Model file of the face detector, where it needs one."""

    @classmethod
    def resolve(cls, sections: Mapping[str, Any], backbone: BackboneCard, data: DataSettings) -> dict[str, Any]:
        """Return the sections with the extent of the face clip, and the face detector's model file.

        Raises:
            UserError: Copies of the clips are asked for, which are read but once; or the backbone does not take them.
        """
        if data.cache is not None:
            raise UserError(
                "data.cache: reactions read each clip once, and keep faces and features in TTA_BENCH_CACHE.",
                "Leave it out.",
            )
        clip = resolve_face_clip(sections["clip"], backbone)
        return {**sections, "clip": clip, "face_model": data.face_model}

    def clips_to_check(self) -> list[tuple[BackboneCard, ResolvedClip]]:
        """Return each visual part of the backbone with the clip that it is shown."""
        parts = self.backbone.parts or (self.backbone,)
        return [(part, self.clip.extent) for part in parts if part.sees]
