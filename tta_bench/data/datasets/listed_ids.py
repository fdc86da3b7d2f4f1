"""Ids of samples in users' tables, as tools change them: with folder or suffix, without zeros, as decimals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import PurePath, PurePosixPath

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
    """Return ids in the form of the list: folder and suffix count only where they tell two samples apart."""
    wanted, bare = set(expected), Counter(map(_bare, expected))
    listed = {_bare(name): name for name in expected if bare[_bare(name)] == 1}
    return [name if name in wanted else listed.get(_bare(name), _bare(name)) for name in ids]


def plain_number(id: str) -> str | None:
    """Return an id as a spreadsheet or a careless script would leave its numbers, without leading zeros.

    ``'0007.mp4``, ``7.0`` and ``7`` are alike, and so are ``v_07`` and ``v_7``; None for an id without a digit.
    """
    whole = without_suffix(id.strip("'\"")).removesuffix(".0")
    return re.sub(r"(?<!\d)0+(?=\d)", "", whole) if re.search(r"\d", whole) else None


def near_ids(lost: Sequence[str], there: Collection[str]) -> str:
    """Return words on lost ids that are there in another spelling of the same number; empty where there are none."""
    known = {number: id for id in sorted(there) if (number := plain_number(id)) is not None}
    numbers = {id: number for id in lost if (number := plain_number(id)) is not None}
    near = {id: known[number] for id, number in numbers.items() if known.get(number, id) != id}
    if not near:
        return ""
    pairs = shorten([f"{id} for {other}" for id, other in near.items()], 3)
    return f" Of these, {len(near):,} have lost leading zeros or became decimals: {pairs}. {NUMBERS}"


def _bare(name: str) -> str:
    return without_suffix(PurePosixPath(name.replace("\\", "/")).name)
