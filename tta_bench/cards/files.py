"""Card files: the folders that hold them, and reading them as plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tta_bench.errors import UserError, unknown
from tta_bench.plugins import Installed, installed
from tta_bench.utils.paths import card_folders

FOLDERS = ("backbones", "weights", "datasets", "protocols")
"""Folders of a folder of cards, one for each group."""
_used: list[Path] = []


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


def use_folder(folder: Path) -> None:
    """Look for cards in one more folder, as ``registry.path=`` asks."""
    folder = folder.expanduser().resolve()
    if folder not in registry_folders():
        _checked(folder, "registry.path")
        _used.append(folder)
        card_files.cache_clear()


def forget_folders() -> None:
    """Forget the folders of cards that were asked for, and read the names of all cards anew."""
    _used.clear()
    card_files.cache_clear()


def registry_folders() -> list[Path]:
    """Return the folders of cards: shipped, of installed plug-ins, in ``TTA_BENCH_REGISTRY``, and those asked for.

    Raises:
        UserError: A folder in ``TTA_BENCH_REGISTRY`` is not there or holds no cards.
    """
    package = Path(__file__).parents[1]
    shipped = package / "_cards"
    plugins = [plugin.cards for plugin in installed().values() if plugin.cards is not None]
    named = [_checked(folder.resolve(), "TTA_BENCH_REGISTRY") for folder in card_folders()]
    folders = [shipped if shipped.is_dir() else package.parent / "registry", *plugins, *named, *_used]
    return list(dict.fromkeys(folders))


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


def plugins_without_card() -> dict[str, Installed]:
    """Return the installed plug-ins of which no card is a file: importing one makes the card of a backbone.

    Raises:
        UserError: A plug-in has the name of a card that is not its own.
    """
    found = {}
    for name, plugin in installed().items():
        owners = [files[name] for files in map(card_files, FOLDERS) if name in files]
        if any(plugin.place is None or not owner.is_relative_to(plugin.place) for owner in owners):
            raise UserError(f"two cards are called '{name}': {owners[0]} and {plugin.origin}.", "Uninstall the latter.")
        if not owners:
            found[name] = plugin
    return found


def read_card_data(path: Path, group: str | None = None) -> dict[str, Any]:
    """Return a card's data, laid on the card that ``_base_`` names: one beside it, else one of its group."""
    data = read_yaml(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(data, dict):
        raise UserError(f"{path} is not a card: a mapping was expected, {type(data).__name__} was found.")
    base = data.pop("_base_", None)
    return merge(read_card_data(_base(path, str(base), group), group), data) if base else data


def summary_of(path: Path, group: str) -> str:
    """Return a card's summary; where it is a line of plain text the rest is not parsed, which is 20 times as quick."""
    line = re.search(r"^summary: ([^\s'\"|>&*!%@`\[{#][^#:]*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return line[1].strip() if line else str(read_card_data(path, group).get("summary", ""))


def line_of(path: Path, key: Sequence[str | int]) -> int | None:
    """Return the line of a file on which a key stands, given with its sections; None where the file does not say it."""
    node, line = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader), None
    for part in key:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((name, value) for name, value in pairs if name.value == part), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with ``over`` laid on ``base``, section by section."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _base(path: Path, name: str, group: str | None) -> Path:
    beside = path.parent / f"{name}.yaml"
    if beside.is_file():
        return beside
    known = card_files(group) if group is not None else {}
    if name not in known:
        raise unknown(f"_base_ of {path}", name, known)
    return known[name]


def _checked(folder: Path, source: str) -> Path:
    if not any((folder / name).is_dir() for name in FOLDERS):
        raise UserError(
            f"{source}: {folder} {'holds no cards' if folder.is_dir() else 'is no folder'}.",
            f"Expected there: {', '.join(f'{name}/' for name in FOLDERS)} with a NAME.yaml in at least one of them.",
        )
    return folder
