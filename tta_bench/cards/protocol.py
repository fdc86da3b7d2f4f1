"""Protocol cards: the fields that all protocols share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from pydantic import Field

from tta_bench.cards.kinds import BackboneCard, Card, Tier
from tta_bench.cards.validation import Strict
from tta_bench.errors import UserError


class TierSettings(Strict):
    """One tier's section of a protocol card."""

    dataset: str
    """Dataset card."""
    backbone: str
    """Backbone that is run when none is named."""


class ProtocolCard(Card):
    """A protocol: data, recipes and test rules of both tiers."""

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

    @classmethod
    def sections(cls) -> dict[str, type[Strict]]:
        """Return the model of each section that users may change keys of: those on a tier, and ``train`` for recipes.

        ``train.lr=1e-3`` changes the recipe of the backbone's kind.
        """
        tier = cls.model_fields["full"].annotation
        assert isinstance(tier, type)
        assert issubclass(tier, TierSettings)
        found = {
            "train" if name == "recipes" else name: get_args(field.annotation)[1]
            if name == "recipes"
            else field.annotation
            for name, field in tier.model_fields.items()
        }
        return {name: model for name, model in found.items() if isinstance(model, type) and issubclass(model, Strict)}

    def base(self, name: str, tier: Tier, backbone: BackboneCard) -> Strict:
        """Return a section as it stands on the card; ``train`` is the recipe of the backbone's kind.

        Raises:
            UserError: There is no recipe for that kind.
        """
        settings = self.tier(tier)
        if name != "train":
            section: Strict = getattr(settings, name)
            return section
        recipes: Mapping[str, Strict] = settings.recipes  # type: ignore[attr-defined]
        if backbone.recipe not in recipes:
            raise UserError(
                f"{self.name} has no recipe for {backbone.name}, which trains as '{backbone.recipe}'.",
                f"It has recipes for: {', '.join(recipes)}.",
            )
        return recipes[backbone.recipe]

    def default_weights(self, tier: Tier, backbone: BackboneCard) -> str:
        """Return the weights that ``weights=default`` means: the backbone's at full tier, none for a sample."""
        return "none" if tier == "sample" else backbone.weights

    def views(self, tier: Tier) -> int | None:
        """Return the views of a clip that a test averages over, where clips are classified."""
        return None
