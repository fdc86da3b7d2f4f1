"""The catalogue of cards: from files and from code, by group and name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tta_bench.cards.families import from_hf_config, timm_hint
from tta_bench.cards.files import card_files, merge, plugins_without_card, read_card_data
from tta_bench.cards.kinds import BackboneCard, Card, DatasetCard, WeightsCard, joined
from tta_bench.cards.names import add as add
from tta_bench.cards.names import add_file as add_file
from tta_bench.cards.names import added
from tta_bench.cards.names import forget_added as forget_added
from tta_bench.cards.names import names as names
from tta_bench.cards.names import origin as origin
from tta_bench.cards.names import summaries as summaries
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.cards.suite import SuiteCard
from tta_bench.cards.validation import validate
from tta_bench.errors import UserError, did_you_mean, nearest, unknown
from tta_bench.plugins import PluginError, import_installed, installed
from tta_bench.utils.paths import cache_folder

AnyCard = TypeVar("AnyCard", bound=Card)
GROUPS: dict[str, type[Card]] = {
    "backbones": BackboneCard,
    "weights": WeightsCard,
    "datasets": DatasetCard,
    "protocols": ProtocolCard,
    "suites": SuiteCard,
}


def load(group: str, name: str, kind: Callable[[Any], type[AnyCard]]) -> AnyCard:
    """Return the card of a name in a group; ``family/anything`` falls back to the card ``family``, if there is one.

    An installed plug-in without a file for a card is imported, and makes one for its backbone.

    Args:
        group: Group of cards: ``backbones``, for instance.
        name: Name of the card.
        kind: The model that a card with a given ``component`` is validated by.

    Raises:
        UserError: There is no such card; names the nearest one.
    """
    files = card_files(group)
    imported = group == "backbones" and name in plugins_without_card() and import_installed(name)
    card, path = added(group, name)
    if card is not None:
        assert isinstance(card, kind(getattr(card, "component", None)))
        return card
    family, _, member = name.partition("/")
    if path is not None:
        files = {name: path}
    elif name in files:
        path = files[name]
    elif member and f"{family}/any" in files:
        path = files[f"{family}/any"]
    elif imported:
        raise PluginError(f"plug-in {installed()[name].origin} declares '{name}' and makes no card of that name.")
    else:
        raise _unknown_card(group, name)
    data = read_card_data(path, group)
    fields = data.pop("_config_", None)
    if name not in files:
        member_fields = {"name": name, "arguments": {"name": member}}
        data = merge(data, member_fields if fields is None else from_hf_config(family, Path(member), fields))
    elif data.get("name") != name:
        raise UserError(f"{path}: the card is called '{data.get('name')}' and its file '{name}'.")
    return validate(kind(data.get("component")), data, path)


def _unknown_card(group: str, name: str) -> UserError:
    """Return the error for a card that does not exist: the nearest name, timm's, or the way to a file's."""
    word, known = group.removesuffix("s") if group != "weights" else group, {*names(group), *installed()}
    if group == "backbones" and nearest(name, known, 0.8) is None and (hint := timm_hint(name)):
        return UserError(f"unknown {word} '{name}'.", hint)
    shown = {known_name.replace("/any", "/<any>") for known_name in known}
    if group in ("weights", "protocols", "suites") or nearest(name, known) is not None:
        return unknown(word, name, shown)
    file = "Is it in a file of yours? Say --plugin FILE.py."
    return UserError(f"unknown {word} '{name}'.", f"{file} {did_you_mean(name, shown)}")


def backbone_card(name: str) -> BackboneCard:
    """Return the card of a backbone, or of several joined by ``+`` whose features are fused.

    Raises:
        UserError: There is no such backbone; names the nearest one.
    """
    if "+" in name and name not in names("backbones"):
        if "" in name.split("+"):
            raise UserError(f"backbone={name}: a name is missing beside a +.", "Say a+b, or one name alone.")
        return joined([backbone_card(part) for part in name.split("+")])
    return load("backbones", name, lambda _: BackboneCard)


def weights_card(name: str) -> WeightsCard:
    """Return the card of released weights."""
    return load("weights", name, lambda _: WeightsCard)


def weights_file(card: WeightsCard) -> Path:
    """Return the path of the file of released weights, fetched or not: in the folder ``weights`` of the cache."""
    return cache_folder() / "weights" / card.file


def dataset_card(name: str) -> DatasetCard:
    """Return the card of a dataset."""
    return load("datasets", name, lambda _: DatasetCard)


def suite_card(name: str) -> SuiteCard:
    """Return the card of a suite."""
    return load("suites", name, lambda _: SuiteCard)
