"""Masked pre-training: its card, its settings (keys as users type them) and its experiment."""

from __future__ import annotations

from pydantic import Field, model_validator

from tta_bench.cards.kinds import BackboneCard, Recipe, Tier
from tta_bench.cards.protocol import ProtocolCard, TierSettings
from tta_bench.cards.validation import Strict, optional_since_v1
from tta_bench.experiments.base import ClipSettings, Experiment, ResolvedClip
from tta_bench.experiments.ranges import MOST, Decay, Share, require_heads


class MaskSettings(Strict):
    """Dual masking: shares of the tokens that the encoder does not see, and that the decoder does not restore."""

    encoder: float = Field(default=0.9, gt=0, lt=1)
    """Share of the tokens hidden, in tubes: the same places at every time."""
    decoder: float = Field(default=0.5, ge=0, lt=1)
    """Share of the tokens not decoded, in running cells; 0 decodes every hidden one."""


class DecoderSettings(Strict):
    """Decoder: the small transformer that restores hidden tubelets; only used in pre-training."""

    width: int = Field(default=384, gt=0, le=65_536)
    """Width of its tokens."""
    depth: int = Field(default=4, gt=0, le=1000)
    """Blocks."""
    heads: int = Field(default=6, gt=0, le=1000)
    """Attention heads."""

    @model_validator(mode="after")
    def _even(self) -> DecoderSettings:
        require_heads(self.width, self.heads)
        return self


class PretrainSettings(Strict):
    """A masked pre-training recipe. Learning rates are for 256 videos a step and scale with ``batch``."""

    batch: int = Field(gt=0, le=MOST)
    """Videos in one optimisation step, however many devices share it."""
    views: int = Field(default=4, gt=0, le=1024)
    """Augmented views taken from one decode of a video (repeated sampling)."""
    epochs: int | None = Field(default=None, gt=0, le=MOST)
    """Passes over the corpus."""
    steps: int | None = Field(default=None, gt=0, le=MOST)
    """Optimisation steps; goes before ``epochs``."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps in which the learning rate rises linearly from 0."""
    lr: float = Field(gt=0, le=1e6)
    """Highest learning rate."""
    min_lr: float = Field(default=0.0, ge=0, le=1e6)
    """Learning rate at the end of the cosine."""
    optimizer: str | None = optional_since_v1()
    """Name of the optimizer; by default ``adamw``."""
    betas: tuple[Decay, Decay] = (0.9, 0.95)
    """Decay rates of the optimizer's running means of the gradient and of its square."""
    weight_decay: float = Field(default=0.05, ge=0, le=1e6)
    """Weight decay; none on biases and norms."""
    clip_grad: float | None = Field(default=None, gt=0, le=1e12)
    """Largest norm of the gradient, or null for none."""
    scales: tuple[Share, ...] = Field(default=(1.0, 0.875, 0.75, 0.66), min_length=1)
    """Sides of the multi-scale crop, as shares of the frame's short side."""
    normalize: bool = True
    """Normalise targets within each tubelet and channel."""
    mask: MaskSettings = MaskSettings()
    decoder: DecoderSettings = DecoderSettings()
    clips: int | None = Field(default=None, gt=0, le=MOST)
    """Pre-train on this many clips of the corpus; smaller subsets are contained in larger ones. By default all."""
    broken: float = Field(default=0.05, ge=0, lt=1)
    """Share of clips that may be unreadable and are left out; beyond it nothing is trained."""


class PretrainTier(TierSettings):
    """One tier of a masked pre-training."""

    clip: ClipSettings
    recipes: dict[Recipe, PretrainSettings]
    """A recipe for each kind of backbone that can be pre-trained so."""


class PretrainCard(ProtocolCard):
    """A protocol that pre-trains without labels."""

    full: PretrainTier
    sample: PretrainTier

    def default_weights(self, tier: Tier, backbone: BackboneCard) -> str:
        """Return ``none``: pre-training starts anew unless weights are named."""
        return "none"


class PretrainExperiment(Experiment, component="Pretrain"):
    """A pre-training without labels."""

    protocol: PretrainCard
    clip: ResolvedClip
    train: PretrainSettings
