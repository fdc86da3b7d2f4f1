"""Tables of reactions: names of their columns in several challenges, and lists that have a file for each part."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tta_bench.data.datasets.class_lists import SIDES
from tta_bench.data.datasets.find_clips import names_in
from tta_bench.errors import UserError, shorten
from tta_bench.utils.tables import Table, bare, plain, require_columns

ID_COLUMNS = ("File_ID", "Filename", "Id")
"""Names of the column of ids; the first stands before the others."""

CHALLENGES: Mapping[str, Sequence[str]] = {
    "Hume-Reaction (ABAW5, MuSe 2022)": (
        *("Adoration", "Amusement", "Anxiety", "Disgust", "Empathic-Pain", "Fear", "Surprise"),
    ),
    "Hume-Vidmimic2 (Emotional Mimicry Intensity, since ABAW6)": (
        *("Admiration", "Amusement", "Determination", "Empathic Pain", "Excitement", "Joy"),
    ),
}
"""The intensities of each published dataset, in the order of its files."""


def require_intensities(
    table: Table, targets: Sequence[str], others: Iterable[str] = (), needed: Iterable[str] = ()
) -> str:
    """Check the columns of a table of intensities; return the name of its column of ids.

    Args:
        table: The table.
        targets: Names of the columns of intensities.
        others: Columns that may be there.
        needed: Further columns that must be there.

    Raises:
        UserError: Columns are missing or unknown, or the intensities are those of another dataset, which is named.
    """
    missing = [target for target in targets if table.find(target) is None]
    for name, emotions in CHALLENGES.items():
        if {*map(plain, missing)} - {*map(plain, emotions)} and all(table.find(emotion) for emotion in emotions):
            raise UserError(
                f"{table.file} has the {len(emotions)} intensities of {name}: {', '.join(emotions)}; asked for are "
                f"{len(targets)} others: {', '.join(targets)}.",
                "Another challenge has a card of its own: of the component HumeReaction, with these names as targets.",
            )
    column = named(table, ID_COLUMNS) or ID_COLUMNS[0]
    require_columns(table, (column, *needed, *targets), others)
    return column


def part_lists(root: Path, parts: Mapping[str, Sequence[str]]) -> dict[str, Path]:
    """Return the list of each part in a folder that has one for each, as ``train_split.csv`` and ``valid_split.csv``.

    Args:
        root: The folder.
        parts: Names of train, val and test.

    Raises:
        UserError: Two files are lists of one part.
    """
    words = {**SIDES, **{word.casefold(): part for part in parts for word in (part, *parts[part])}}
    lists: dict[str, Path] = {}
    for name in names_in(root):
        match = re.fullmatch(r"([a-z]+)_split\.csv", name.casefold())
        part = words.get(match[1]) if match else None
        if part and part in lists:
            raise UserError(f"{root} has two lists of the part {part}: {lists[part].name} and {name}.", "Keep one.")
        if part:
            lists[part] = root / name
    return lists if {"train", "val"} <= lists.keys() else {}


def id_column(table: Table, labelled: Sequence[str]) -> str:
    """Return the column of ids: by its name, else the only one in which mostly ids of the labels stand."""
    known = set(labelled)
    return named(table, ID_COLUMNS) or _only(
        table, "ids", lambda texts: 2 * sum(bare(text) in known for text in texts) > len(texts)
    )


def part_column(table: Table, words: Iterable[str]) -> str:
    """Return the column of parts: by its name, else the only one in which nothing but words for parts stands."""
    known = {word.casefold() for word in words}
    return named(table, ("Split", "Partition", "Proposal")) or _only(
        table, "parts", lambda texts: all(text.casefold() in known for text in texts)
    )


def named(table: Table, names: Sequence[str]) -> str | None:
    """Return the first of these names that is a column's."""
    return next((name for name in names if table.find(name) is not None), None)


def _only(table: Table, noun: str, holds: Callable[[list[str]], bool]) -> str:
    """Return the only column whose texts fulfil a condition; raises UserError where there is none, or several."""
    matching = [name for name in table.columns if holds(table.column(name))]
    if len(matching) != 1:
        raise UserError(f"{table.file} does not say which column has the {noun}: {shorten(table.columns, 8)}.")
    return matching[0]
