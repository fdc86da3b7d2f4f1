"""From ``key=value`` words and cards to experiments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from tta_bench import cards
from tta_bench.cards import BackboneCard, DatasetCard, ProtocolCard, Tier
from tta_bench.errors import UserError, did_you_mean, unknown
from tta_bench.experiment import Experiment, Phase, Precision, resolve_clip
from tta_bench.extensions import PluginCode, code_of_file, import_installed, installed
from tta_bench.families import complete
from tta_bench.places import user_config
from tta_bench.registry_files import use_folder
from tta_bench.settings import (
    ClipSettings,
    DataSettings,
    EvalSettings,
    RegistrySettings,
    RuntimeSettings,
    Strict,
    TrainSettings,
)

Model = TypeVar("Model", bound=BaseModel)


class Choices(Strict):
    """The keys without a dot, as a user may give them."""

    protocol: str
    backbone: str | None = None
    dataset: str | None = None
    weights: str = "default"
    phase: Phase = "all"
    split: tuple[int, ...] = (1,)
    seed: tuple[int, ...] = (0,)
    tier: Literal["auto", "sample", "full"] = "auto"
    precision: Precision = "auto"
    limit: int | None = Field(default=None, gt=0)


SECTIONS: dict[str, type[BaseModel]] = {
    "clip": ClipSettings,
    "train": TrainSettings,
    "eval": EvalSettings,
    "data": DataSettings,
    "runtime": RuntimeSettings,
    "registry": RegistrySettings,
}


_TEXTS = {"data.root", "registry.path", "weights", "backbone", "dataset", "protocol", "predictions", "labels"}
"""Keys whose values are names or paths, taken as they are written."""


def known_keys() -> list[str]:
    """Return every key that may be given, dotted."""
    return [*Choices.model_fields, *(f"{name}.{key}" for name, model in SECTIONS.items() for key in _keys(model))]


def _keys(model: type[BaseModel]) -> Iterable[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from (f"{name}.{key}" for key in _keys(inner))
        else:
            yield name


def parse(words: Iterable[str], known: Sequence[str] = ()) -> dict[str, Any]:
    """Return key and value of each ``key=value`` word; values are YAML scalars, and lists may be written ``1,2,3``.

    Args:
        words: What the user wrote.
        known: Every key that may be given; by default those of a run.

    Raises:
        UserError: A word has no ``=``, a key is unknown (names the nearest) or is given twice.
    """
    known = known or known_keys()
    given: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise UserError(f"'{word}' is not key=value.", did_you_mean(key, known))
        if key not in known and not key.startswith("data.roots."):
            raise unknown("key", key, known)
        if key in given:
            raise UserError(f"'{key}' is given twice.")
        given[key] = _value(key, text)
    return given


def _value(key: str, text: str) -> Any:
    if key in _TEXTS or key.startswith("data.roots."):
        return text
    if "," in text and not text.startswith("["):
        return [cards.read_yaml(part, key) for part in text.split(",")]
    value = cards.read_yaml(text, key)
    return [value] if key in {"split", "seed"} and not isinstance(value, list) else value


def resolve(words: Iterable[str], plugins: Iterable[PluginCode] = ()) -> list[Experiment]:
    """Return the experiments that ``key=value`` words ask for: one for each split and seed.

    Args:
        words: What the user wrote.
        plugins: Plug-in files that were imported for this run. Installed plug-ins that it names are added.

    Raises:
        UserError: A key, name or value is wrong; says which and names the nearest.
    """
    words = tuple(words)
    given = parse(words)
    if "protocol" not in given:
        raise UserError("no protocol was named.", f"Try protocol={next(iter(cards.card_files('protocols')))}.")
    registry = _validated(RegistrySettings, _section(given, "registry"), "registry.")
    if registry.path is not None:
        use_folder(registry.path)
    top = _validated(Choices, {key: value for key, value in given.items() if "." not in key})
    data = _validated(DataSettings, _section(given, "data"))
    for name in data.roots:
        cards.dataset_card(name)
    protocol = cards.protocol_card(top.protocol)
    dataset, root, tier = choose_data(top, data, protocol)
    settings = protocol.tier(tier)
    backbone = complete(cards.backbone_card(top.backbone or settings.backbone))
    asked = _validated(ClipSettings, _laid_over(settings.clip, given, "clip"), "clip.")
    clip = resolve_clip(asked if backbone.size_multiple or "clip.size" in given else _own_size(asked), backbone)
    train = _validated(TrainSettings, _laid_over(settings.recipes[backbone.recipe], given, "train"), "train.")
    evaluation = _validated(EvalSettings, _laid_over(settings.eval, given, "eval"), "eval.")
    runtime = _validated(RuntimeSettings, _section(given, "runtime"), "runtime.")
    tuned = any(key.startswith(("train.", "clip.")) and key not in protocol.locked for key in given)
    whole = dataset.name == settings.dataset and top.limit is None
    for split in top.split:
        if split not in dataset.splits:
            raise unknown(f"split of {dataset.name}", str(split), map(str, dataset.splits))
    return [
        Experiment(
            protocol=protocol,
            tier=tier,
            standard=whole and not any(key in given for key in protocol.locked),
            track="tuned" if tuned else "fixed",
            backbone=backbone,
            weights=_weights(top.weights, backbone, tier),
            dataset=dataset,
            root=root,
            split=split,
            seed=seed,
            phase=top.phase,
            precision=top.precision,
            limit=top.limit,
            clip=clip,
            train=train,
            eval=evaluation,
            runtime=runtime,
            arguments=words,
            plugins=tuple(dict.fromkeys([*plugins, *_taking_part(protocol, dataset, backbone)])),
        )
        for split in top.split
        for seed in top.seed
    ]


def _weights(choice: str, backbone: BackboneCard, tier: Tier) -> str:
    """Return ``none``, a card's name or a path; the default is the card's at full tier and ``none`` for the sample."""
    if choice != "default":
        return choice
    return backbone.weights if tier == "full" else "none"


def _taking_part(protocol: ProtocolCard, dataset: DatasetCard, backbone: BackboneCard) -> Iterable[PluginCode]:
    """Import the installed plug-ins that a run names, and yield the code that it takes from outside the suite."""
    for group, card in (("protocols", protocol), ("datasets", dataset), ("backbones", backbone)):
        made_by = cards.origin(group, card.name)
        if import_installed(card.name):
            yield installed()[card.name].code
        elif made_by is not None and made_by.suffix == ".py":
            yield code_of_file(made_by)


def _own_size(clip: ClipSettings) -> ClipSettings:
    """Return a clip of the backbone's size: a protocol's size is a wish, which a fixed-size backbone cannot meet."""
    return clip.model_copy(update={"size": None})


def choose_data(top: Choices, data: DataSettings, protocol: ProtocolCard) -> tuple[DatasetCard, Path | None, Tier]:
    """Return the dataset, its folder and the tier: full where a folder is configured, the embedded sample otherwise.

    Raises:
        UserError: The full tier was asked for and no folder is configured.
    """
    name = top.dataset or (protocol.sample if top.tier == "sample" else protocol.full).dataset
    card = cards.dataset_card(name)
    if card.generator is not None:
        if top.tier == "full" or data.root is not None:
            raise UserError(f"{name} is an embedded sample: it has no folder and no full tier.")
        return card, None, "sample"
    root = data.root or data_root(name, data.roots)
    if root is not None:
        return card, root.expanduser(), "full"
    if top.tier == "auto" and top.dataset is None and card.sample is not None:
        return cards.dataset_card(card.sample), None, "sample"
    raise UserError(
        f"{name} is not on this machine as far as tta-bench knows: no data root is configured.",
        f"Say data.root=DIR, or set TTA_BENCH_DATA to a folder that holds {name}/. Expected there:\n{card.layout}",
    )


def data_root(dataset: str, given: Mapping[str, Path]) -> Path | None:
    """Return the configured folder of a dataset: given, from the user's config file, or below ``TTA_BENCH_DATA``."""
    configured = {**user_roots(), **given}
    if dataset in configured:
        return configured[dataset]
    parent = os.environ.get("TTA_BENCH_DATA")
    return Path(parent) / dataset if parent else None


def user_roots() -> dict[str, Path]:
    """Return the data roots in the user's config file (``data: {roots: {ucf101: DIR}}``)."""
    path = user_config()
    if not path.is_file():
        return {}
    found = cards.read_yaml(path.read_text(encoding="utf-8"), str(path)) or {}
    if not isinstance(found, dict) or set(found) - {"data"}:
        raise UserError(f"{path}: only the section 'data' is known.")
    return _validated(DataSettings, found["data"], f"{path}: data.").roots


def _section(given: Mapping[str, Any], section: str) -> dict[str, Any]:
    """Return the keys of one section as nested data."""
    nested: dict[str, Any] = {}
    for key, value in given.items():
        first, *rest = key.split(".")
        if first != section or not rest:
            continue
        below = nested
        for part in rest[:-1]:
            below = below.setdefault(part, {})
        below[rest[-1]] = value
    return nested


def _laid_over(base: BaseModel, given: Mapping[str, Any], section: str) -> dict[str, Any]:
    over = _section(given, section)
    if "epochs" in over:
        over.setdefault("steps", None)  # whoever asks for epochs does not want the recipe's steps
    return cards.merge(base.model_dump(), over)


def _validated(model: type[Model], data: Mapping[str, Any], prefix: str = "") -> Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError("\n".join(prefix + line for line in _problems(error))) from None


def _problems(error: ValidationError) -> Iterable[str]:
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"] if not isinstance(part, int))
        yield f"{where}={problem['input']}: {problem['msg']}. {_nearest(problem)}".rstrip()


def _nearest(problem: Mapping[str, Any]) -> str:
    if problem["type"] != "literal_error":
        return ""
    choices = [str(part).strip("' ") for part in problem["ctx"]["expected"].replace(" or ", ",").split(",")]
    return did_you_mean(str(problem["input"]), choices)
