"""From ``key=value`` words and cards to experiments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tta_bench.cards import catalog
from tta_bench.cards.catalog import backbone_card, dataset_card
from tta_bench.cards.families import with_timm_defaults
from tta_bench.cards.files import card_files, read_yaml, use_folder
from tta_bench.cards.kinds import BackboneCard, DatasetCard, Tier
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.cards.validation import Strict, validate_keys
from tta_bench.config.overrides import Choices, key_types, parse, section, with_overrides
from tta_bench.errors import UserError, unknown
from tta_bench.experiments.base import ALWAYS_LOCKED, Experiment
from tta_bench.experiments.common import (
    OWN_LAYOUTS,
    DatasetSettings,
    DataSettings,
    RegistrySettings,
    RuntimeSettings,
)
from tta_bench.experiments.kinds import experiment_kind, protocol_card
from tta_bench.metrics import METRICS
from tta_bench.plugins import PluginCode, code_of_file, file_of, import_installed, installed, is_own
from tta_bench.utils.files import is_there
from tta_bench.utils.paths import data_folder, user_config


def resolve(words: Iterable[str], plugins: Iterable[PluginCode] = ()) -> list[Experiment]:
    """Return the experiments that ``key=value`` words ask for: one for each backbone, split and seed.

    Args:
        words: What the user wrote.
        plugins: Plug-in files that were imported for this run. Installed plug-ins that it names are added.

    Raises:
        UserError: A key, name or value is wrong; says which and names the nearest.
    """
    words = tuple(words)
    backbones = _listed_backbones(words)
    if len(backbones) > 1:
        plugins = tuple(plugins)
        return [experiment for one in backbones for experiment in resolve(one, plugins)]
    protocol = _protocol(words)
    given = parse(words, key_types(type(protocol)))
    top = validate_keys(Choices, {key: value for key, value in given.items() if "." not in key})
    data = validate_keys(DataSettings, section(given, "data"), "data.")
    for name in data.roots:
        dataset_card(name)
    dataset, root, tier = choose_data(top, data, protocol)
    settings, kind = protocol.tier(tier), experiment_kind(protocol.component)
    backbone = with_timm_defaults(backbone_card(top.backbone or settings.backbone))
    fields = kind.resolve(_sections(protocol, tier, backbone, given), backbone, data)
    runtime = validate_keys(RuntimeSettings, section(given, "runtime"), "runtime.")
    trained, locked = kind.training_sections(), (*protocol.locked, *ALWAYS_LOCKED)
    tuned = any(key.partition(".")[0] in trained and key not in locked for key in given)
    whole = dataset.name == settings.dataset and top.limit is None and "train.clips" not in given
    for split in top.split:
        if split not in dataset.splits:
            raise unknown(f"split of {dataset.name}", str(split), map(str, dataset.splits))
    return [
        kind(
            protocol=protocol,
            tier=tier,
            standard=whole and not any(key in given for key in locked),
            track="tuned" if tuned else "fixed",
            backbone=backbone,
            weights=protocol.default_weights(tier, backbone) if top.weights == "default" else top.weights,
            dataset=dataset,
            root=root,
            split=split,
            seed=seed,
            phase=top.phase,
            precision=top.precision,
            limit=top.limit,
            runtime=runtime,
            arguments=words,
            cache=data.cache and data.cache.expanduser(),
            overlap=data.overlap and data.overlap.expanduser(),
            title=own_title(dataset.name, root, section(given, "dataset")),
            plugins=tuple(dict.fromkeys([*plugins, *_plugin_code(protocol, dataset, backbone)])),
            **fields,
        )
        for split in top.split
        for seed in top.seed
    ]


def _listed_backbones(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the words once for each backbone of ``backbone=A,B``, in which each names one.

    Raises:
        UserError: A backbone is named twice.
    """
    named = next((word.partition("=")[2] for word in words if word.startswith("backbone=")), "").split(",")
    for name in named:
        if named.count(name) > 1:
            raise UserError(f"backbone={name} is given twice.")
        if not name and len(named) > 1:
            raise UserError(f"backbone={','.join(named)}: a name of the list is empty.")
    return [tuple(f"backbone={name}" if word.startswith("backbone=") else word for word in words) for name in named]


def _protocol(words: Sequence[str]) -> ProtocolCard:
    """Return the card of the protocol that is named, looked for in the user's folder of cards too if one is given."""
    given = dict(word.partition("=")[::2] for word in words)
    if not given.get("protocol", "").strip():
        if "=" in words or "protocol=" in words:
            raise UserError("protocol is empty.", "Write protocol=NAME, without blanks around =.")
        names = [word for word in words if word in card_files("protocols")]
        if names:
            raise UserError(f"'{names[0]}' is not key=value.", f"Did you mean protocol={names[0]}?")
        parse(words)
        known = [*card_files("protocols")]
        first = "ucf101_ft" if "ucf101_ft" in known else known[0]
        raise UserError("no protocol was named.", f"Try protocol={first}. There are: {', '.join(known)}.")
    registry = validate_keys(RegistrySettings, {"path": given["registry.path"]} if "registry.path" in given else {})
    if registry.path is not None:
        use_folder(registry.path)
    return protocol_card(given["protocol"])


def _sections(
    protocol: ProtocolCard, tier: Tier, backbone: BackboneCard, given: Mapping[str, Any]
) -> dict[str, Strict]:
    """Return each section of a card, with the keys that were given laid over it.

    A protocol's clip size is a default, so a backbone of a fixed size keeps its own unless ``clip.size`` was given.
    """
    sections = {
        name: validate_keys(kind, with_overrides(protocol.base(name, tier, backbone), given, name), f"{name}.")
        for name, kind in protocol.sections().items()
    }
    train = sections.get("train")
    if train is not None and (getattr(train, "epochs", 0), getattr(train, "steps", 0)) == (None, None):
        raise UserError("train: epochs or steps is needed, and both are null.", "Say train.epochs=N or train.steps=N.")
    if "clip" in sections and not (backbone.size_multiple or "clip.size" in given):
        sections["clip"] = sections["clip"].model_copy(update={"size": None})
    return sections


def _plugin_code(protocol: ProtocolCard, dataset: DatasetCard, backbone: BackboneCard) -> Iterable[PluginCode]:
    """Import the installed plug-ins that a run names, and yield the code that it takes from outside the suite.

    A component's class counts wherever its card is written: in Python, or in a YAML file of a registry folder.
    """
    from tta_bench.registry import BACKBONES, DATASETS, PROTOCOLS  # mmengine takes a moment to import

    parts: list[tuple[str, Any, str, str]] = [
        ("backbones", BACKBONES, part.name, part.component) for part in (backbone.parts or (backbone,))
    ]
    for group, registry, name, component in (
        ("protocols", PROTOCOLS, protocol.name, protocol.component),
        ("datasets", DATASETS, dataset.name, dataset.component),
        *parts,
        ("metrics", METRICS, protocol.score, protocol.score),
    ):
        card_file = catalog.origin(group, name)
        if import_installed(name):
            yield installed()[name].code
        elif card_file is not None and card_file.suffix == ".py":
            yield code_of_file(card_file)
        made_by = registry.module_dict.get(component)
        code_file = None if made_by is None or is_own(made_by) else file_of(made_by)
        if code_file is not None:
            yield code_of_file(code_file)
    METRICS.get(protocol.score)  # an unknown one is refused before anything is spent


def choose_data(top: Choices, data: DataSettings, protocol: ProtocolCard) -> tuple[DatasetCard, Path | None, Tier]:
    """Return the dataset, its folder and the tier: full where a folder is configured, the embedded sample otherwise.

    Raises:
        UserError: The full tier was asked for and no folder is configured.
    """
    name = top.dataset or (protocol.sample if top.tier == "sample" else protocol.full).dataset
    card = dataset_card(name)
    if card.generator is not None:
        if top.tier == "full" or data.root is not None:
            raise UserError(f"{name} is an embedded sample: it has no folder and no full tier.")
        return card, None, "sample"
    root = data.root or data_root(name, data.roots)
    if root is not None:
        root = root.expanduser()
        if is_there(root) and not root.is_dir() and not root.is_file():
            raise UserError(f"data.root={root} is no folder.", f"Expected there:\n{card.layout}" if card.layout else "")
        return card, root, "full"
    if top.tier == "auto" and top.dataset is None and card.sample is not None:
        return dataset_card(card.sample), None, "sample"
    raise UserError(
        f"{name} is not on this machine as far as tta-bench knows: no data root is configured.",
        f"Say data.root=DIR, or set TTA_BENCH_DATA to a folder that holds {name}/. Expected there:\n{card.layout}",
    )


def own_title(dataset: str, root: Path | None, given: Mapping[str, Any]) -> str | None:
    """Return the name of data of one's own: as given, else that of their folder or file; None for a named dataset.

    Args:
        dataset: Name of the dataset's card.
        root: The folder or file of the data.
        given: The keys below ``dataset``.
    """
    name = validate_keys(DatasetSettings, given, "dataset.").name
    if name is not None or root is None or dataset not in OWN_LAYOUTS:
        return name
    found = root.resolve().stem if root.is_file() else root.resolve().name
    return found.encode("utf-8", "replace").decode()[:80] or None


def data_root(dataset: str, given: Mapping[str, Path]) -> Path | None:
    """Return the configured folder of a dataset: given, from the user's config file, or below ``TTA_BENCH_DATA``."""
    configured = {**user_roots(), **given}
    if dataset in configured:
        return configured[dataset]
    parent = data_folder()
    return parent / dataset if parent is not None else None


def user_roots() -> dict[str, Path]:
    """Return the data roots in the user's config file (``data: {roots: {ucf101: DIR}}``)."""
    path = user_config()
    if not path.is_file():
        return {}
    settings = read_yaml(path.read_text(encoding="utf-8"), str(path)) or {}
    if not isinstance(settings, dict) or set(settings) - {"data"}:
        raise UserError(f"{path}: only the section 'data' is known.")
    return validate_keys(DataSettings, settings["data"], f"{path}: data.").roots
