"""Families of backbones (``timm/<any>``, ``hf/<folder>``): a member's card, completed by the library it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tta_bench.cards.files import card_files
from tta_bench.cards.kinds import BackboneCard, joined
from tta_bench.errors import UserError, shorten, unknown


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
        if hint := timm_hint(str(name)):
            raise UserError(f"unknown timm model '{name}'.", hint)
        raise unknown("timm model", name, timm.list_models())
    known = timm.get_pretrained_cfg(name, allow_unregistered=False)
    if known is None:
        return card
    recipe = "vit" if known.first_conv == "patch_embed.proj" else "cnn"
    suited = {"mean": known.mean, "std": known.std, "size": known.input_size[-1], "recipe": recipe}
    return card.model_copy(update={**suited, "size_multiple": _multiple(name, card.size_multiple)})


def _multiple(name: str, usual: int | None) -> int | None:
    """Return the pixels that a model's sizes are a multiple of: its patch, where that does not divide the usual."""
    patch = re.search(r"patch_?(\d+)|_p(\d+)(?=_|$)", name)
    pixels = int(patch[1] or patch[2]) if patch else 1
    return usual if usual is None or usual % pixels == 0 else pixels


def timm_models(pattern: str = "*") -> list[str]:
    """Return the names of timm's models that fit a shell pattern; imports timm."""
    import timm  # takes seconds, and loads torch

    return [str(name) for name in timm.list_models(pattern)]


def timm_hint(name: str) -> str:
    """Return a sentence about the models of timm that are called so, or begin so; an empty one where none is.

    Args:
        name: With ``timm/`` before it or without.
    """
    bare = name.removeprefix("timm/")
    if not re.fullmatch(r"[a-z0-9_.]{3,60}", bare):
        return ""
    if bare in timm_models(bare):
        return f"Did you mean 'timm/{bare}'?"
    begins = timm_models(f"{bare}*")
    return f"timm has {shorten([f'timm/{model}' for model in begins], 6)}." if begins else ""


def from_hf_config(family: str, folder: Path, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a card that the config.json in a local folder gives.

    Args:
        family: Name of the family; with the folder's name, without those above it, it is the member's.
        folder: The folder.
        fields: Setting of the config.json for each field of the card.

    Raises:
        UserError: There is no such file, it is no JSON object, or it lacks a setting.
    """
    path = folder.expanduser() / "config.json"
    if not path.is_file():
        raise UserError(f"{family}/ takes a local folder with a config.json, and there is no {path}.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}.") from None
    lacking = [name for name in fields.values() if name not in config] if isinstance(config, dict) else ["settings"]
    if lacking:
        raise UserError(f"{path} lacks {', '.join(lacking)}.")
    return {
        "name": f"{family}/{folder.resolve().name}",
        "arguments": {"config": config},
        **{field: config[name] for field, name in fields.items()},
    }
