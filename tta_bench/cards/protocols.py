"""What the cards of protocols say: what is common to all, and what belongs to each component."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from tta_bench.cards.kinds import Card, Recipe, Tier
from tta_bench.settings import (
    ClipSettings,
    EvalSettings,
    FaceClipSettings,
    PretrainSettings,
    ReactionEvalSettings,
    ReactionSettings,
    Strict,
    StudySettings,
    TrainSettings,
)


class TierSettings(Strict):
    """One tier's section of a protocol card."""

    dataset: str
    """Dataset card."""
    backbone: str
    """Backbone that is run when none is named."""


class ProtocolCard(Card):
    """A protocol: what is measured, and how."""

    SECTIONS: ClassVar[dict[str, type[Strict]]] = {}
    """The sections that users may change keys of; ``train`` is laid over the recipe of the backbone's kind."""

    version: int = Field(gt=0)
    """Raised whenever a number could change."""
    component: str
    """Name in the PROTOCOLS registry."""
    score: str
    """Metric that the board ranks by."""
    locked: tuple[str, ...]
    """Keys that define what is measured; changing one makes a run non-standard."""
    full: TierSettings
    sample: TierSettings

    def tier(self, tier: Tier) -> TierSettings:
        """Return one tier's section."""
        return self.full if tier == "full" else self.sample


class FineTuneTier(TierSettings):
    """One tier of a fine-tuning protocol."""

    clip: ClipSettings
    eval: EvalSettings
    recipes: dict[Recipe, TrainSettings]
    """A recipe for each kind of backbone."""


class FineTuneCard(ProtocolCard):
    """A protocol that fine-tunes a classifier."""

    SECTIONS: ClassVar[dict[str, type[Strict]]] = {"clip": ClipSettings, "train": TrainSettings, "eval": EvalSettings}
    full: FineTuneTier
    sample: FineTuneTier


class PretrainTier(TierSettings):
    """One tier of a masked pre-training."""

    clip: ClipSettings
    recipes: dict[Recipe, PretrainSettings]
    """A recipe for each kind of backbone that can be pre-trained so."""


class PretrainCard(ProtocolCard):
    """A protocol that pre-trains without labels."""

    SECTIONS: ClassVar[dict[str, type[Strict]]] = {"clip": ClipSettings, "train": PretrainSettings}
    full: PretrainTier
    sample: PretrainTier


class ReactionTier(TierSettings):
    """One tier of a protocol that estimates intensities."""

    clip: FaceClipSettings
    eval: ReactionEvalSettings
    recipes: dict[Recipe, ReactionSettings]
    """A recipe for each kind of backbone."""


class ReactionCard(ProtocolCard):
    """A protocol that estimates intensities of a reaction."""

    SECTIONS: ClassVar[dict[str, type[Strict]]] = {
        "clip": FaceClipSettings,
        "train": ReactionSettings,
        "eval": ReactionEvalSettings,
    }
    full: ReactionTier
    sample: ReactionTier


class ScalingTier(TierSettings):
    """One tier of a scaling study."""

    study: StudySettings


class ScalingCard(ProtocolCard):
    """A study of what more pre-training data gains."""

    SECTIONS: ClassVar[dict[str, type[Strict]]] = {"study": StudySettings}
    full: ScalingTier
    sample: ScalingTier


_KINDS: dict[str, type[ProtocolCard]] = {
    "FineTune": FineTuneCard,
    "Pretrain": PretrainCard,
    "Reaction": ReactionCard,
    "Scaling": ScalingCard,
}
PROTOCOL_KINDS = tuple(_KINDS.values())


def protocol_kind(component: Any) -> type[ProtocolCard]:
    """Return the kind of card that a component reads; one from outside the suite reads fine-tuning's."""
    return _KINDS.get(component, FineTuneCard) if isinstance(component, str) else FineTuneCard
