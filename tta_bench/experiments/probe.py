"""Frozen backbones: the cards, settings and experiments of the attentive probe, logistic regression and neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from tta_bench.cards.kinds import BackboneCard, Tier
from tta_bench.cards.protocol import ProtocolCard, TierSettings
from tta_bench.cards.validation import Strict, optional_since_v1
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment, ResolvedClip, SampledClipSettings
from tta_bench.experiments.common import DataSettings
from tta_bench.experiments.fine_tune import Control


class EncodeSettings(Strict):
    """The part of each video that the backbone is shown, once."""

    windows: int = Field(default=2, gt=0)
    """Clips spread evenly over a video, each with one crop in the centre."""
    dtype: Literal["float16"] = "float16"
    """Type in which features are kept."""


class LabelSettings(Strict):
    """The labels that a head is trained with."""

    shots: int | None = optional_since_v1(gt=0)
    """Labelled clips of each class, from nested lists of which the seed is the fold; by default all clips."""


class FeatureSettings(Strict):
    """The place of the encoded features; nothing here changes a number."""

    keep: bool = True
    """Leave the features in the cache for the next protocol; ``false`` deletes them when the record is written."""
    root: Path | None = Field(default=None, exclude=True)
    """A folder of features that ``tta-bench features`` wrote, in place of the cache."""


class FrozenEval(Strict):
    """Test: the average over windows, and the control."""

    average: Literal["probability"] = "probability"
    """Quantity averaged over windows."""
    select: Literal["last"] = "last"
    """Epoch that is scored: the last."""
    control: Control = "none"
    """Test clips as they are, one frozen frame, backwards, or with their frames shuffled."""


class AttentiveSettings(Strict):
    """A grid of attentive heads, and the part of the training list that chooses among them."""

    blocks: int = Field(default=1, gt=0)
    """Transformer blocks; the last one is the cross-attention of one learned query, those before it self-attention."""
    heads: int = Field(default=16, gt=0)
    """Attention heads; the nearest divisor of the backbone's width is taken."""
    lrs: tuple[float, ...] = Field(min_length=1)
    """Learning rates of the grid, for batches of any size."""
    decays: tuple[float, ...] = Field(min_length=1)
    """Weight decays of the grid."""
    epochs: int = Field(gt=0)
    """Passes over the training list."""
    batch: int = Field(gt=0)
    """Clips in a step; a shorter list is one batch."""
    held_out: float = Field(default=0.2, gt=0, lt=1)
    """Share of the training list, in whole groups, on which the grid point is chosen."""
    low_shot: tuple[float, float] = (1e-3, 0.01)
    """Learning rate and weight decay of low-shot runs, which choose nothing."""

    @model_validator(mode="after")
    def _grid(self) -> AttentiveSettings:
        for name, values in (("lrs", self.lrs), ("decays", self.decays)):
            if min(values) < 0 or (name == "lrs" and min(values) == 0) or len(set(values)) < len(values):
                raise ValueError(f"{name} must be different numbers above 0, not {list(values)}")
        return self

    def grid(self) -> list[dict[str, float]]:
        """Return every point of the grid: learning rates in order, and weight decays within each."""
        return [{"lr": lr, "weight_decay": decay} for lr in sorted(self.lrs) for decay in sorted(self.decays)]


class LinearSettings(Strict):
    """Multinomial logistic regression on standardised features; its grid of C is DINOv2's."""

    powers: tuple[float, float] = (-6.0, 5.0)
    """Least and largest power of ten of C, the inverse of the penalty's strength."""
    points: int = Field(default=45, gt=0)
    """Values of C, evenly spaced in their logarithm."""
    max_iter: int = Field(default=1000, gt=0)
    """Most iterations of L-BFGS for a value of C."""
    held_out: float = Field(default=0.2, gt=0, lt=1)
    """Share of the training list, in whole groups, on which C is chosen."""
    low_shot: float = Field(default=1.0, gt=0)
    """C of low-shot runs, which choose nothing."""

    def grid(self) -> list[dict[str, float]]:
        """Return every value of C, from the strongest penalty on."""
        low, high = self.powers
        step = (high - low) / max(1, self.points - 1)
        return [{"C": 10.0 ** (low + step * index)} for index in range(self.points)]


class NeighbourSettings(Strict):
    """Weighted vote of the nearest training clips, as DINO does it."""

    k: int = Field(default=20, gt=0)
    """Neighbours."""
    temperature: float = Field(default=0.07, gt=0)
    """Divides the cosine similarities before their softmax."""


class FrozenTier(TierSettings):
    """One tier of a protocol on frozen features."""

    clip: SampledClipSettings
    encode: EncodeSettings = EncodeSettings()
    train: LabelSettings = LabelSettings()
    features: FeatureSettings = FeatureSettings()
    eval: FrozenEval = FrozenEval()


class FrozenCard(ProtocolCard):
    """A protocol that encodes every clip once and trains only what comes after."""

    full: FrozenTier
    sample: FrozenTier

    def tier(self, tier: Tier) -> FrozenTier:
        """Return one tier's section."""
        return self.full if tier == "full" else self.sample

    def base(self, name: str, tier: Tier, backbone: BackboneCard) -> Strict:
        """Return a section as it stands on the card; it is the same for every kind of backbone."""
        section: Strict = getattr(self.tier(tier), name)
        return section

    def views(self, tier: Tier) -> int:
        """Return the windows of a clip whose scores are averaged."""
        return self.tier(tier).encode.windows


class FrozenExperiment(Experiment):
    """A head on the features of a frozen backbone, and its test."""

    protocol: FrozenCard
    clip: ResolvedClip
    encode: EncodeSettings
    train: LabelSettings
    features: FeatureSettings
    eval: FrozenEval

    @classmethod
    def resolve(cls, sections: Mapping[str, Any], backbone: BackboneCard, data: DataSettings) -> dict[str, Any]:
        """Return the sections with the extent of a clip.

        Raises:
            UserError: The backbone is shown no clips, or none of that size or length.
        """
        if backbone.modality not in ("video", "image"):
            raise UserError(
                f"frozen protocols show clips to one backbone, and {backbone.name} is of modality "
                f"'{backbone.modality}'."
            )
        return super().resolve(sections, backbone, data)

    @classmethod
    def training_sections(cls) -> tuple[str, ...]:
        """Return the sections that a trained head depends on."""
        return tuple(name for name in super().training_sections() if name != "features")

    def settings(self) -> dict[str, Any]:
        """Return the resolved settings as plain data for a record."""
        return {name: value for name, value in super().settings().items() if name != "features"}


class AttentiveTier(FrozenTier):
    """One tier of the attentive probe."""

    probe: AttentiveSettings


class AttentiveCard(FrozenCard):
    """A protocol that trains attentive heads on tokens."""

    full: AttentiveTier
    sample: AttentiveTier


class AttentiveExperiment(FrozenExperiment, component="AttentiveProbe"):
    """An attentive probe."""

    protocol: AttentiveCard
    probe: AttentiveSettings


class LinearTier(FrozenTier):
    """One tier of logistic regression."""

    linear: LinearSettings = LinearSettings()


class LinearCard(FrozenCard):
    """A protocol that fits logistic regression to pooled features."""

    full: LinearTier
    sample: LinearTier


class LinearExperiment(FrozenExperiment, component="LinearProbe"):
    """A logistic regression."""

    protocol: LinearCard
    linear: LinearSettings


class NeighbourTier(FrozenTier):
    """One tier of nearest neighbours."""

    knn: NeighbourSettings = NeighbourSettings()


class NeighbourCard(FrozenCard):
    """A protocol that lets the nearest training clips vote."""

    full: NeighbourTier
    sample: NeighbourTier


class NeighbourExperiment(FrozenExperiment, component="NearestNeighbours"):
    """A vote of the nearest neighbours."""

    protocol: NeighbourCard
    knn: NeighbourSettings
