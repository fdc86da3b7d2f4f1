"""Completing the card of a family's member with what the library that it comes from knows of it."""

from __future__ import annotations

from tta_bench.cards.files import card_files
from tta_bench.cards.kinds import BackboneCard, joined
from tta_bench.errors import unknown


def with_timm_defaults(card: BackboneCard) -> BackboneCard:
    """Return a card of ``timm/<any>`` with the mean, standard deviation, size and recipe that suit the model.

    They come from the model's ``pretrained_cfg`` in timm; transformers that cut a picture into patches take the recipe
    ``vit``. Of joined backbones each part is completed. Every other card is returned as it is, and timm is not imported
    for it.

    Raises:
        UserError: timm has no model of that name.
    """
    if card.parts:
        return joined([with_timm_defaults(part) for part in card.parts])
    if card.component != "TimmBackbone" or card.name in card_files("backbones"):
        return card
    import timm  # takes seconds, and loads torch

    name = card.arguments["name"]
    if not timm.is_model(name):
        raise unknown("timm model", name, timm.list_models())
    known = timm.get_pretrained_cfg(name, allow_unregistered=False)
    if known is None:
        return card
    recipe = "vit" if known.first_conv == "patch_embed.proj" else "cnn"
    found = {"mean": known.mean, "std": known.std, "size": known.input_size[-1], "recipe": recipe}
    return card.model_copy(update=found)
