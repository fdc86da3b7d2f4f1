"""Cards: small YAML files that say what can be benchmarked. Data, never code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from tta_bench.errors import UserError, unknown
from tta_bench.extensions import PluginError, file_of, import_installed, installed
from tta_bench.registry_files import card_files as card_files
from tta_bench.registry_files import cardless, described, line_of, summary_of
from tta_bench.registry_files import merge as merge
from tta_bench.registry_files import read_card_data as read_card_data
from tta_bench.registry_files import read_yaml as read_yaml
from tta_bench.settings import ClipSettings, EvalSettings, Strict, TrainSettings

Recipe = Literal["vit", "cnn"]
Tier = Literal["sample", "full"]


class Card(Strict):
    """What every card says."""

    name: str
    """The name used on the command line; the file is called the same."""
    summary: str
    """One line for ``tta-bench list``."""
    licence: str | None = None
    """Licence of the thing described, as its owner states it."""
    citation: str | None = None
    """Paper or repository to cite."""


class BackboneCard(Card):
    """A backbone, and what of a run belongs to it: its input and its recipe."""

    component: str
    """Name in the BACKBONES registry."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the component."""
    modality: Literal["video", "image"] = "video"
    """``image`` backbones are lifted over frames."""
    frames: int = Field(gt=0)
    """Frames of a clip."""
    stride: int | None = Field(default=None, gt=0)
    """Frames from one to the next; by default the protocol's temporal span divided by ``frames``."""
    size: int = Field(gt=0)
    """Height and width of a clip in pixels at the full tier."""
    frames_multiple: int | None = Field(default=None, gt=0)
    """Other lengths must be a multiple of this; without it only ``frames`` works. Images take any length."""
    size_multiple: int | None = Field(default=None, gt=0)
    """Other sizes must be a multiple of this; without it only ``size`` works."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Mean of the input's channels, for values in [0, 1]."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """Standard deviation of the input's channels, for values in [0, 1]."""
    recipe: Recipe
    """Which of a protocol's recipes it trains with."""
    weights: str = "none"
    """Weights card that ``weights=default`` means at the full tier."""
    frozen: tuple[str, ...] = ()
    """Beginnings of the names of parameters that get no gradient, by design."""
    parameters: int | None = None
    """Parameters without head."""
    gmacs: float | None = None
    """Billions of multiply-adds per view at ``frames`` and ``size`` (what the field prints as GFLOPs)."""
    golden: tuple[float, ...] = ()
    """First features that seed 0's initial weights give for the clip of ``tta-bench check``, which prints them."""


class Pretraining(Strict):
    """What weights have seen."""

    data: str
    """Data set(s), in words."""
    labels: bool | None
    """Whether labels were used; null where it is not known."""


class WeightsCard(Card):
    """Released weights: where they come from and what they have seen."""

    backbone: str
    """Backbone card that they fit."""
    address: str = Field(pattern="^https://")
    """Where to get the file."""
    file: str = Field(pattern="^[A-Za-z0-9][A-Za-z0-9._+-]*$")
    """File name in the weights folder."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Digest of the file; null where no trusted source states it."""
    format: Literal["videomae", "videomaev2", "mmaction2", "huggingface", "timm", "tta-bench"]
    """Whose key names the file uses."""
    pretraining: Pretraining


class DatasetCard(Card):
    """A dataset: its layout, its splits, and the unit of resampling."""

    component: str
    """Name in the DATASETS registry."""
    classes: int | None = Field(default=None, gt=1)
    """Number of classes; null where the data decide."""
    splits: tuple[int, ...] = (1,)
    """Numbers of its official splits."""
    test_sizes: tuple[int, ...] = ()
    """Test samples of each split, where that is fixed; `show` says from it which differences can be found."""
    group: str
    """What clips of one group have in common."""
    layout: str = ""
    """The folder that is expected, drawn as text."""
    sample: str | None = None
    """Card of the embedded sample that stands in for it."""
    generator: dict[str, int] | None = None
    """Parameters of the generator, for an embedded sample."""
    reversed_class: dict[str, str] | None = None
    """Class that a clip of a class shows when it is played backwards."""


class TierSettings(Strict):
    """One tier's section of a protocol card."""

    dataset: str
    """Dataset card."""
    backbone: str
    """Backbone that is run when none is named."""
    clip: ClipSettings
    eval: EvalSettings
    recipes: dict[Recipe, TrainSettings]
    """A recipe for each kind of backbone."""


class ProtocolCard(Card):
    """A protocol: what is measured, and how."""

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
    return validate(GROUPS[group], data, path)


def backbone_card(name: str) -> BackboneCard:
    """Return the card of a backbone."""
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
