"""Fine-tuning a classifier: its card, its settings (keys as users type them) and its experiment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tta_bench.cards.kinds import Recipe, Tier
from tta_bench.cards.protocol import ProtocolCard, TierSettings
from tta_bench.cards.validation import Strict, optional_since_v1
from tta_bench.experiments.base import Experiment, ResolvedClip, SampledClipSettings
from tta_bench.experiments.ranges import MOST, Decay, Ratio, Share, require_order


class Augmentation(Strict):
    """Augmentation of a training clip."""

    rand_augment: str | None = None
    """RandAugment in timm's notation, or null for none."""
    area: tuple[Share, Share] = Field(default=(0.08, 1.0))
    """Share of the frame that a random resized crop covers, least and most."""
    ratio: tuple[Ratio, Ratio] = Field(default=(0.75, 4 / 3))
    """Width over height of that crop, least and most."""
    flip: float = Field(default=0.5, ge=0, le=1)
    """Probability of a horizontal flip."""
    erase: float = Field(default=0.25, ge=0, le=1)
    """Probability of erasing a box, the same in every frame."""

    @model_validator(mode="after")
    def _ordered(self) -> Augmentation:
        require_order("area", self.area)
        require_order("ratio", self.ratio)
        return self


class TrainSettings(Strict):
    """A fine-tuning recipe. Learning rates are for 256 videos a step and scale with ``batch``."""

    batch: int = Field(gt=0, le=MOST)
    """Videos in one optimisation step, however many devices share it."""
    views: int = Field(default=1, gt=0, le=1024)
    """Augmented views taken from one decode of a video (repeated augmentation)."""
    epochs: int | None = Field(default=None, gt=0, le=MOST)
    """Passes over the training list."""
    steps: int | None = Field(default=None, gt=0, le=MOST)
    """Optimisation steps; goes before ``epochs``."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps in which the learning rate rises linearly from 0."""
    lr: float = Field(gt=0, le=1e6)
    """Highest learning rate."""
    min_lr: float = Field(default=0.0, ge=0, le=1e6)
    """Learning rate at the end of the cosine."""
    optimizer: str | None = optional_since_v1()
    """Name of the optimizer; by default ``adamw``."""
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Decay rates of the optimizer's running means of the gradient and of its square."""
    weight_decay: float = Field(default=0.05, ge=0, le=1e6)
    """Weight decay; none on biases and norms."""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Factor on the learning rate from one layer to the one before it."""
    clip_grad: float | None = Field(default=None, gt=0, le=1e12)
    """Largest norm of the gradient, or null for none."""
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    """Stochastic depth of the last block; earlier ones have less."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the head."""
    init_scale: float = Field(default=1.0, gt=0, le=1e6)
    """Factor on the head's initial weights."""
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Label smoothing."""
    mixup: float = Field(default=0.0, ge=0, le=1000)
    """Alpha of mixup; 0 for none."""
    cutmix: float = Field(default=0.0, ge=0, le=1000)
    """Alpha of cutmix; 0 for none."""
    mix_per: int | None = optional_since_v1(gt=0, le=MOST)
    """Draw mixup and cutmix for each of so many equal parts of a step, as so many devices would; by default once."""
    augment: Augmentation = Augmentation()
    norm_batch: int | None = optional_since_v1(gt=0, le=MOST, multiple_of=2)
    """Clips that a network with batch norm sees at once in training; null takes ``runtime.micro_batch``."""
    clips: int | None = optional_since_v1(gt=0, le=MOST)
    """Keep this many training clips, as many of each class as there are; by default all."""


Control = Literal["none", "frozen", "reversed", "shuffled"]


class EvalSettings(Strict):
    """Test: views of a clip, and how they are averaged."""

    segments: int = Field(gt=0, le=10_000)
    """Clips along the video."""
    crops: Literal[1, 3]
    """Crops along the long side."""
    average: Literal["probability"] = "probability"
    """Quantity averaged over views: softmax probabilities."""
    select: Literal["last"] = "last"
    """Epoch that is scored: the last, since there is no validation list."""
    control: Control = "none"
    """Test clips as they are, one frozen frame, backwards, or with their frames shuffled."""


class FineTuneTier(TierSettings):
    """One tier of a fine-tuning protocol."""

    clip: SampledClipSettings
    recipes: dict[Recipe, TrainSettings]
    """A recipe for each kind of backbone."""
    eval: EvalSettings


class FineTuneCard(ProtocolCard):
    """A protocol that fine-tunes a classifier."""

    full: FineTuneTier
    sample: FineTuneTier

    def views(self, tier: Tier) -> int:
        """Return the views of a clip that a test averages over."""
        rule = self.tier(tier).eval
        return rule.segments * rule.crops

    def tier(self, tier: Tier) -> FineTuneTier:
        """Return one tier's section."""
        return self.full if tier == "full" else self.sample


class FineTuneExperiment(Experiment, component="FineTune"):
    """A fine-tune of a classifier, and its test."""

    protocol: FineTuneCard
    clip: ResolvedClip
    train: TrainSettings
    eval: EvalSettings
