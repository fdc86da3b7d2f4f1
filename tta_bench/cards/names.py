"""Names of cards, of files and of code, with summaries and origins: nothing is validated, so pydantic is not loaded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tta_bench.cards.files import card_files, forget_folders, plugins_without_card, read_card_data
from tta_bench.cards.summaries import summaries_of, summary_of
from tta_bench.errors import UserError
from tta_bench.plugins import file_of

if TYPE_CHECKING:
    from tta_bench.cards.kinds import Card

NAME = r"[A-Za-z0-9][\w.+:@-]*(/[A-Za-z0-9][\w.+:@-]*)*"
"""Pattern of a card's name, which becomes part of file names."""
_added: dict[tuple[str, str], tuple[Card | None, Path | None]] = {}
"""Cards from outside the folders, by group and name, with their file; one that is still to be read is None."""


def add(group: str, card: Card, maker: Any) -> None:
    """Add a card that was made in code.

    Args:
        group: Group of the card: ``backbones``, for instance.
        card: The card.
        maker: The function, class or file that it describes; its file is where the card comes from.

    Raises:
        UserError: The name is taken (names both origins), or cannot stand in a file name.
    """
    path = maker if isinstance(maker, Path) else file_of(maker)
    _require_free(group, card.name, path)
    _added[group, card.name] = (card, path)


def add_file(group: str, path: Path) -> None:
    """Add a card file from outside the folders of cards; it is validated when its card is loaded.

    Args:
        group: Group of the card: ``protocols``, for instance.
        path: The file.

    Raises:
        UserError: It is no card, or its name is taken (names both origins) or cannot stand in a file name.
    """
    name = str(read_card_data(path, group).get("name", path.stem))
    _require_free(group, name, path)
    _added[group, name] = (None, path)


def _require_free(group: str, name: str, path: Path | None) -> None:
    if not re.fullmatch(NAME, name):
        raise UserError(f"'{name}' is no name for a card: letters, digits and ._+- were expected.")
    if (group, name) in _added or name in card_files(group):
        raise UserError(
            f"two {group} are called '{name}': {origin(group, name)} and {path or 'this session'}.",
            "Rename one of them.",
        )


def forget_added() -> None:
    """Forget the cards that were made in code, and the folders that were added."""
    _added.clear()
    forget_folders()


def names(group: str) -> list[str]:
    """Return the names of all cards of a group, whether they are files or were made in code."""
    return [*card_files(group), *(name for of, name in _added if of == group)]


def summaries(group: str) -> dict[str, str]:
    """Return name and summary of every card of a group, for a list: no card is validated and no plug-in imported.

    An installed plug-in of which no card is a file counts as a backbone, with its package's summary.

    Raises:
        UserError: Two cards have one name, or a plug-in that of a card.
    """
    found = summaries_of(card_files(group), group)
    for (of, name), (card, path) in _added.items():
        if of == group and card is not None:
            found[name] = card.summary
        elif of == group and path is not None:
            found[name] = summary_of(path, group)[0]
    for name, plugin in plugins_without_card().items() if group == "backbones" else ():
        found.setdefault(name, f"{plugin.summary} ({plugin.package} {plugin.version})")
    return found


def origin(group: str, name: str) -> Path | None:
    """Return the file that a card comes from: its own, or the code's that made it; None for a session's."""
    return _added[group, name][1] if (group, name) in _added else card_files(group).get(name)


def added(group: str, name: str) -> tuple[Card | None, Path | None]:
    """Return a card from outside the folders, None where it is still to be read, and its file; else None twice."""
    return _added.get((group, name), (None, None))
