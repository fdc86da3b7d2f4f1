"""What the cards of protocols say: what is common to all, and what belongs to each component."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tta_bench.cards.kinds import Card, Tier
from tta_bench.utils.strict import Strict


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

    def views(self, tier: Tier) -> int | None:
        """Return the views of a clip that a test averages over, where clips are classified."""
        return None
