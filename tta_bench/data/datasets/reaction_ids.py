"""Ids of clips in tables of reactions, as spreadsheets change them: with a suffix, without zeros, as decimals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePath

from tta_bench.data.media.decode import VIDEO_SUFFIXES
from tta_bench.errors import shorten

SOUND_SUFFIXES = frozenset((".aac", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"))
"""Suffixes of sound files, in lower case."""

NUMBERS = "Spreadsheets read ids as numbers: read and write them as text."


def without_suffix(id: str) -> str:
    """Return an id without the suffix of a video or sound file: ``02032.mp4`` and ``02032`` are one clip."""
    path = PurePath(id)
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES | SOUND_SUFFIXES else id


def ids_as_listed(ids: Sequence[str], expected: Collection[str]) -> list[str]:
    """Return ids as a list has them: one that is not in it may have a suffix too many, or lack one."""
    with_suffix = {without_suffix(id): id for id in expected}
    known = {id: id for id in expected}
    return [known.get(id) or known.get(without_suffix(id)) or with_suffix.get(id, id) for id in ids]


def as_number(id: str) -> str | None:
    """Return the number that a spreadsheet makes of an id, as text without leading zeros; None where it is none."""
    whole = id.removesuffix(".0")
    return (whole.lstrip("0") or "0") if whole.isascii() and whole.isdecimal() else None


def near_ids(lost: Sequence[str], there: Collection[str]) -> str:
    """Return words on lost ids that are there in another spelling of the same number; empty where there are none."""
    known = {number: id for id in sorted(there) if (number := as_number(id)) is not None}
    numbers = {id: number for id in lost if (number := as_number(id)) is not None}
    near = {id: known[number] for id, number in numbers.items() if known.get(number, id) != id}
    if not near:
        return ""
    pairs = shorten([f"{id} for {other}" for id, other in near.items()], 3)
    return f" Of these, {len(near):,} have lost leading zeros or became decimals: {pairs}. {NUMBERS}"
