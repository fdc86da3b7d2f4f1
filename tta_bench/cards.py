"""Cards: small YAML files that say what can be benchmarked. Data, never code."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError

from tta_bench.errors import UserError, unknown
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
    parameters: int | None = None
    """Parameters without head."""
    gmacs: float | None = None
    """Billions of multiply-adds per view at ``frames`` and ``size`` (what the field prints as GFLOPs)."""


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
    address: str
    """Where to get the file."""
    file: str
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


class _Loader(yaml.CSafeLoader):
    """The safe loader, with floats such as ``1e-3`` that YAML 1.1 takes for text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def read_yaml(text: str, source: str) -> Any:
    """Return the data in a YAML text; objects are never constructed.

    Raises:
        UserError: The text is not YAML or asks for an object; says where.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506, TID251 - a subclass of CSafeLoader
    except yaml.YAMLError as error:
        raise UserError(f"{source} is not plain YAML: {error}") from None


def registry_folders() -> list[Path]:
    """Return the folders that hold cards: the shipped ones, then those in ``TTA_BENCH_REGISTRY``."""
    package = Path(__file__).parent
    shipped = package / "_cards"
    own = [Path(folder).expanduser() for folder in os.environ.get("TTA_BENCH_REGISTRY", "").split(os.pathsep) if folder]
    return [shipped if shipped.is_dir() else package.parent / "registry", *own]


@cache
def card_files(group: str) -> dict[str, Path]:
    """Return the card files of a group (``backbones``, ``weights``, ``datasets`` or ``protocols``) by name.

    Raises:
        UserError: Two files define one name.
    """
    found: dict[str, Path] = {}
    for folder in registry_folders():
        for path in sorted((folder / group).rglob("*.yaml")):
            name = path.relative_to(folder / group).with_suffix("").as_posix()
            if name in found:
                raise UserError(f"two cards are called '{name}': {found[name]} and {path}.", "Rename one of them.")
            found[name] = path
    return found


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with ``over`` laid on ``base``, section by section."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def read_card_data(path: Path) -> dict[str, Any]:
    """Return a card's data, laid on the card beside it that ``_base_`` names."""
    data = read_yaml(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(data, dict):
        raise UserError(f"{path} is not a card: a mapping was expected, {type(data).__name__} was found.")
    base = data.pop("_base_", None)
    return merge(read_card_data(path.parent / f"{base}.yaml"), data) if base else data


def validate(model: type[AnyCard], data: Mapping[str, Any], source: str) -> AnyCard:
    """Return a card made from data.

    Raises:
        UserError: A key is unknown or missing or a value is wrong; each is named.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{source}: {explain(error)}") from None


def explain(error: ValidationError) -> str:
    """Return what a validation found wrong, one line for each field."""
    lines = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        lines.append(f"{where}: {problem['msg']} (found {problem['input']!r})")
    return "\n".join(lines)


def load(group: str, name: str) -> Card:
    """Return the card of a name in a group; ``family/anything`` falls back to the card ``family``, if there is one.

    Raises:
        UserError: There is no such card; names the nearest one.
    """
    files = card_files(group)
    family, _, member = name.partition("/")
    if name in files:
        path = files[name]
    elif member and f"{family}/any" in files:
        path = files[f"{family}/any"]
    else:
        raise unknown(group.removesuffix("s") if group != "weights" else group, name, files)
    data = read_card_data(path)
    if name not in files:
        data = merge(data, {"name": name, "arguments": {"name": member}})
    elif data.get("name") != name:
        raise UserError(f"{path}: the card is called '{data.get('name')}' and its file '{name}'.")
    return validate(GROUPS[group], data, str(path))


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
