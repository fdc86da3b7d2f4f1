"""Card files: the folders that hold them, and reading them as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any

from tta_bench.cards.yaml_text import line_of as line_of
from tta_bench.cards.yaml_text import read_text
from tta_bench.cards.yaml_text import read_yaml as read_yaml
from tta_bench.errors import UserError, unknown
from tta_bench.plugins import Installed, installed
from tta_bench.utils.paths import card_folders

FOLDERS = ("backbones", "weights", "datasets", "protocols", "suites")
"""Folders of a folder of cards, one for each group."""
KINDS = {NoneType: "nothing", str: "a text", list: "a list"}
"""Words for what a file holds in place of a card."""
_used: list[Path] = []


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
    """Return the card files of a group (one of `FOLDERS`) by name.

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


def read_card_data(path: Path, group: str | None = None, laid_on_it: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return a card's data, laid on the card that ``_base_`` names: one beside it, else one of its group.

    Raises:
        UserError: It is no card, or one whose ``_base_`` leads back to itself.
    """
    if path in laid_on_it:
        chain = " -> ".join(map(str, (*laid_on_it, path)))
        raise UserError(f"{path}: _base_ leads back to the card itself: {chain}.")
    data = read_yaml(read_text(path), str(path))
    if not isinstance(data, dict):
        raise UserError(f"{path} is not a card: {KINDS.get(type(data), 'a value')} was found.", "Expected: key: value.")
    if strange := [key for key in data if not isinstance(key, str)]:
        raise UserError(f"{path}: the key {strange[0]!r} is no text.")
    base = data.pop("_base_", None)
    if base is None:
        return data
    return merge(read_card_data(_base(path, str(base), group), group, (*laid_on_it, path)), data)


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
