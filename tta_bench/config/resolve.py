"""From ``key=value`` words and cards to experiments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tta_bench.cards import catalog
from tta_bench.cards.catalog import backbone_card, dataset_card
from tta_bench.cards.files import card_files, read_yaml, use_folder
from tta_bench.cards.kinds import BackboneCard, DatasetCard, Tier
from tta_bench.cards.protocol import ProtocolCard, TierSettings
from tta_bench.cards.timm_defaults import complete
from tta_bench.config.overrides import Choices, known_keys, laid_over, parse, section, validated
from tta_bench.errors import UserError, unknown
from tta_bench.experiments.base import Experiment, resolve_clip
from tta_bench.experiments.common import DataSettings, RegistrySettings, RuntimeSettings
from tta_bench.experiments.fine_tune import FineTuneCard, FineTuneExperiment
from tta_bench.experiments.kinds import protocol_card
from tta_bench.experiments.pretrain import PretrainCard, PretrainExperiment
from tta_bench.experiments.reaction import ReactionCard, ReactionExperiment, resolve_face_clip
from tta_bench.experiments.scaling import ScalingCard, ScalingExperiment
from tta_bench.plugins import PluginCode, code_of_file, import_installed, installed
from tta_bench.utils.paths import user_config

_EXPERIMENTS: dict[type[ProtocolCard], type[Experiment]] = {
    FineTuneCard: FineTuneExperiment,
    PretrainCard: PretrainExperiment,
    ReactionCard: ReactionExperiment,
    ScalingCard: ScalingExperiment,
}


def resolve(words: Iterable[str], plugins: Iterable[PluginCode] = ()) -> list[Experiment]:
    """Return the experiments that ``key=value`` words ask for: one for each split and seed.

    Args:
        words: What the user wrote.
        plugins: Plug-in files that were imported for this run. Installed plug-ins that it names are added.

    Raises:
        UserError: A key, name or value is wrong; says which and names the nearest.
    """
    words = tuple(words)
    protocol = _protocol(words)
    given = parse(words, known_keys(type(protocol)))
    top = validated(Choices, {key: value for key, value in given.items() if "." not in key})
    data = validated(DataSettings, section(given, "data"), "data.")
    for name in data.roots:
        dataset_card(name)
    dataset, root, tier = choose_data(top, data, protocol)
    settings = protocol.tier(tier)
    backbone = complete(backbone_card(top.backbone or settings.backbone))
    sections = _sections(protocol, settings, backbone, given, data)
    runtime = validated(RuntimeSettings, section(given, "runtime"), "runtime.")
    tuned = any(key.startswith(("train.", "clip.")) and key not in protocol.locked for key in given)
    whole = dataset.name == settings.dataset and top.limit is None and "train.clips" not in given
    for split in top.split:
        if split not in dataset.splits:
            raise unknown(f"split of {dataset.name}", str(split), map(str, dataset.splits))
    return [
        _EXPERIMENTS[type(protocol)](
            protocol=protocol,
            tier=tier,
            standard=whole and not any(key in given for key in protocol.locked),
            track="tuned" if tuned else "fixed",
            backbone=backbone,
            weights=_weights(top.weights, protocol, backbone, tier),
            dataset=dataset,
            root=root,
            split=split,
            seed=seed,
            phase=top.phase,
            precision=top.precision,
            limit=top.limit,
            runtime=runtime,
            arguments=words,
            plugins=tuple(dict.fromkeys([*plugins, *_taking_part(protocol, dataset, backbone)])),
            **sections,
        )
        for split in top.split
        for seed in top.seed
    ]


def _protocol(words: Sequence[str]) -> ProtocolCard:
    """Return the card of the protocol that is named, looked for in a folder of one's own too if there is one."""
    found = dict(word.partition("=")[::2] for word in words)
    if "protocol" not in found:
        parse(words)
        raise UserError("no protocol was named.", f"Try protocol={next(iter(card_files('protocols')))}.")
    registry = validated(RegistrySettings, {"path": found["registry.path"]} if "registry.path" in found else {})
    if registry.path is not None:
        use_folder(registry.path)
    return protocol_card(found["protocol"])


def _sections(
    protocol: ProtocolCard,
    settings: TierSettings,
    backbone: BackboneCard,
    given: Mapping[str, Any],
    data: DataSettings,
) -> dict[str, Any]:
    """Return the sections of a kind of protocol: the card's, with what was given laid over them, resolved."""
    bases = {name: _base(settings, name, protocol, backbone) for name in protocol.SECTIONS}
    found: dict[str, Any] = {
        name: validated(kind, laid_over(bases[name], given, name), f"{name}.")
        for name, kind in protocol.SECTIONS.items()
    }
    if "clip" in found:
        # A protocol's size is a wish, which a backbone of a fixed size cannot meet.
        wished = found["clip"].model_copy(update={"size": None})
        asked = found["clip"] if backbone.size_multiple or "clip.size" in given else wished
        if isinstance(protocol, ReactionCard):
            return found | {"clip": resolve_face_clip(asked, backbone), "face_model": data.face_model}
        found["clip"] = resolve_clip(asked, backbone)
    return found | ({"data": data} if isinstance(protocol, ScalingCard) else {})


def _base(settings: TierSettings, name: str, protocol: ProtocolCard, backbone: BackboneCard) -> Any:
    """Return a section as it stands on a protocol's card; ``train`` is the recipe of the backbone's kind."""
    if name != "train":
        return getattr(settings, name)
    recipes: Mapping[str, Any] = settings.recipes  # type: ignore[attr-defined]
    if backbone.recipe not in recipes:
        raise UserError(
            f"{protocol.name} has no recipe for {backbone.name}, which trains as '{backbone.recipe}'.",
            f"It has recipes for: {', '.join(recipes)}.",
        )
    return recipes[backbone.recipe]


def _weights(choice: str, protocol: ProtocolCard, backbone: BackboneCard, tier: Tier) -> str:
    """Return ``none``, a card's name or a path; the default is the card's at full tier and ``none`` for the sample.

    Pre-training starts anew unless weights are named.
    """
    if choice != "default":
        return choice
    return "none" if isinstance(protocol, PretrainCard) or tier == "sample" else backbone.weights


def _taking_part(protocol: ProtocolCard, dataset: DatasetCard, backbone: BackboneCard) -> Iterable[PluginCode]:
    """Import the installed plug-ins that a run names, and yield the code that it takes from outside the suite."""
    for group, card in (("protocols", protocol), ("datasets", dataset), ("backbones", backbone)):
        made_by = catalog.origin(group, card.name)
        if import_installed(card.name):
            yield installed()[card.name].code
        elif made_by is not None and made_by.suffix == ".py":
            yield code_of_file(made_by)


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
        return card, root.expanduser(), "full"
    if top.tier == "auto" and top.dataset is None and card.sample is not None:
        return dataset_card(card.sample), None, "sample"
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
    found = read_yaml(path.read_text(encoding="utf-8"), str(path)) or {}
    if not isinstance(found, dict) or set(found) - {"data"}:
        raise UserError(f"{path}: only the section 'data' is known.")
    return validated(DataSettings, found["data"], f"{path}: data.").roots
