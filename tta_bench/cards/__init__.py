"""Cards: small YAML files that say what can be benchmarked. Data, never code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tta_bench.cards.kinds import BackboneCard as BackboneCard
from tta_bench.cards.kinds import Card as Card
from tta_bench.cards.kinds import DatasetCard as DatasetCard
from tta_bench.cards.kinds import Pretraining as Pretraining
from tta_bench.cards.kinds import Recipe as Recipe
from tta_bench.cards.kinds import Tier as Tier
from tta_bench.cards.kinds import WeightsCard as WeightsCard
from tta_bench.cards.kinds import joined as joined
from tta_bench.cards.protocols import FineTuneCard as FineTuneCard
from tta_bench.cards.protocols import PretrainCard as PretrainCard
from tta_bench.cards.protocols import ProtocolCard as ProtocolCard
from tta_bench.cards.protocols import ReactionCard as ReactionCard
from tta_bench.cards.protocols import ScalingCard as ScalingCard
from tta_bench.cards.protocols import TierSettings as TierSettings
from tta_bench.cards.protocols import protocol_kind
from tta_bench.errors import UserError, unknown
from tta_bench.extensions import PluginError, file_of, import_installed, installed
from tta_bench.registry_files import card_files as card_files
from tta_bench.registry_files import cardless, described, line_of, summary_of
from tta_bench.registry_files import merge as merge
from tta_bench.registry_files import read_card_data as read_card_data
from tta_bench.registry_files import read_yaml as read_yaml
from tta_bench.settings import Strict

AnyCard = TypeVar("AnyCard", bound=Strict)
GROUPS: dict[str, type[Card]] = {
    "backbones": BackboneCard,
    "weights": WeightsCard,
    "datasets": DatasetCard,
    "protocols": ProtocolCard,
}
NAME = r"[A-Za-z0-9][\w.+:@-]*(/[A-Za-z0-9][\w.+:@-]*)*"
"""What a card may be called: it becomes part of file names."""
_added: dict[tuple[str, str], tuple[Card, Path | None]] = {}


def validate(model: type[AnyCard], data: Mapping[str, Any], source: str | Path) -> AnyCard:
    """Return a card made from data.

    Raises:
        UserError: A key is unknown or missing or a value is wrong; each is named, with its line in a file.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{source}: {explain(error, source if isinstance(source, Path) else None)}") from None


def explain(error: ValidationError, path: Path | None = None) -> str:
    """Return what a validation found wrong, one line for each field, with where it stands in a file."""
    lines = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        line = line_of(path, problem["loc"]) if path is not None else None
        at = f"line {line}, " if line is not None else ""
        lines.append(f"{at}{where}: {problem['msg']} (found {problem['input']!r})")
    return "\n".join(lines)


def add(group: str, card: Card, maker: Any) -> None:
    """Add a card that was made in code.

    Args:
        group: Where it belongs: ``backbones``, for instance.
        card: The card.
        maker: The function, class or file that it describes; its file is where the card comes from.

    Raises:
        UserError: The name is taken (names both origins), or cannot stand in a file name.
    """
    path = maker if isinstance(maker, Path) else file_of(maker)
    if not re.fullmatch(NAME, card.name):
        raise UserError(f"'{card.name}' is no name for a card: letters, digits and ._+- were expected.")
    if card.name in names(group):
        raise UserError(
            f"two {group} are called '{card.name}': {origin(group, card.name)} and {path or 'this session'}.",
            "Rename one of them.",
        )
    _added[group, card.name] = (card, path)


def names(group: str) -> list[str]:
    """Return the names of all cards of a group, whether they are files or were made in code."""
    return [*card_files(group), *(name for of, name in _added if of == group)]


def summaries(group: str) -> dict[str, str]:
    """Return name and summary of every card of a group, for a list: no card is validated and no plug-in imported.

    An installed plug-in of which no card is a file counts as a backbone, with its package's summary.

    Raises:
        UserError: Two cards have one name, or a plug-in that of a card.
    """
    found = {name: summary_of(path, group) for name, path in card_files(group).items()}
    found |= {name: card.summary for (of, name), (card, _) in _added.items() if of == group}
    for name, plugin in cardless().items() if group == "backbones" else ():
        found.setdefault(name, f"{plugin.summary} ({plugin.package} {plugin.version})")
    return found


def origin(group: str, name: str) -> Path | None:
    """Return the file that a card comes from: its own, or the code's that made it; None for a session's."""
    return _added[group, name][1] if (group, name) in _added else card_files(group).get(name)


def load(group: str, name: str) -> Card:
    """Return the card of a name in a group; ``family/anything`` falls back to the card ``family``, if there is one.

    An installed plug-in without a file for a card is imported, and makes one for its backbone.

    Raises:
        UserError: There is no such card; names the nearest one.
    """
    files = card_files(group)
    imported = group == "backbones" and name in cardless() and import_installed(name)
    if (group, name) in _added:
        return _added[group, name][0]
    family, _, member = name.partition("/")
    if name in files:
        path = files[name]
    elif member and f"{family}/any" in files:
        path = files[f"{family}/any"]
    elif imported:
        raise PluginError(f"plug-in {installed()[name].origin} declares '{name}' and makes no card of that name.")
    else:
        raise unknown(group.removesuffix("s") if group != "weights" else group, name, {*names(group), *installed()})
    data = read_card_data(path, group)
    fields = data.pop("_config_", None)
    if name not in files:
        own = {"name": name, "arguments": {"name": member}}
        data = merge(data, own if fields is None else described(family, Path(member), fields))
    elif data.get("name") != name:
        raise UserError(f"{path}: the card is called '{data.get('name')}' and its file '{name}'.")
    kind = protocol_kind(data.get("component")) if group == "protocols" else GROUPS[group]
    return validate(kind, data, path)


def backbone_card(name: str) -> BackboneCard:
    """Return the card of a backbone, or of several joined by ``+`` whose features are fused.

    Raises:
        UserError: There is no such backbone; names the nearest one.
    """
    if "+" in name and name not in names("backbones"):
        return joined([backbone_card(part) for part in name.split("+")])
    card = load("backbones", name)
    assert isinstance(card, BackboneCard)
    return card


def weights_card(name: str) -> WeightsCard:
    """Return the card of released weights."""
    card = load("weights", name)
    assert isinstance(card, WeightsCard)
    return card


def dataset_card(name: str) -> DatasetCard:
    """Return the card of a dataset."""
    card = load("datasets", name)
    assert isinstance(card, DatasetCard)
    return card


def protocol_card(name: str) -> ProtocolCard:
    """Return the card of a protocol."""
    card = load("protocols", name)
    assert isinstance(card, ProtocolCard)
    return card
