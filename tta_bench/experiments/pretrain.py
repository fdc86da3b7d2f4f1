"""Masked pre-training: its card, its settings (keys as users type them) and its experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from tta_bench.cards.kinds import BackboneCard, Recipe, Tier
from tta_bench.cards.protocol import ProtocolCard, TierSettings
from tta_bench.cards.validation import Strict, optional_since_v1
from tta_bench.experiments.base import ClipSettings, Experiment, ResolvedClip
from tta_bench.experiments.common import DataSettings
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


class WatchSettings(Strict):
    """A look at the encoder now and then while it trains; nothing here changes a number of the training."""

    every: int | None = Field(default=None, gt=0, le=MOST)
    """Epochs from one vote of neighbours to the next, a point of the curve each; by default none."""
    protocol: str = "ucf101_knn"
    """Protocol of the vote: its training clips vote on its test clips."""
    split: int = Field(default=1, ge=1)
    """Split of its dataset."""


UNWATCHED = WatchSettings()


class PretrainTier(TierSettings):
    """One tier of a masked pre-training."""

    clip: ClipSettings
    knn: WatchSettings = Field(default=UNWATCHED, exclude_if=lambda knn: knn == UNWATCHED)
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
    knn: WatchSettings = UNWATCHED
    data: DataSettings = DataSettings()
    """Folders of the data, those of the look at the encoder too."""

    @classmethod
    def resolve(cls, sections: Mapping[str, Any], backbone: BackboneCard, data: DataSettings) -> dict[str, Any]:
        """Return the sections with the extent of a clip, and the folders of the data.

        Raises:
            UserError: Findings about test clips are given; there are none.
        """
        data.refuse_overlap("a pre-training")
        return {**super().resolve(sections, backbone, data), "data": data}

    @classmethod
    def training_sections(cls) -> tuple[str, ...]:
        """Return the sections that trained weights depend on: a look at them changes nothing."""
        return tuple(name for name in super().training_sections() if name != "knn")

    def settings(self) -> dict[str, Any]:
        """Return the resolved settings as plain data for a record."""
        return {name: value for name, value in super().settings().items() if name != "knn"}
