"""Limits of what strangers write: size and depth of JSON, keys given twice, and signs that no text of a record has."""

from __future__ import annotations

import io
import json
import unicodedata
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

LARGEST_JSON = 2_000_000
"""Bytes of a record; one of 700 classes has about 60,000."""
DEEPEST = 20
"""Levels of a record's JSON."""
LARGEST_ARRAYS = 500_000_000
"""Bytes of all arrays of a file, unpacked; the scores of 50,000 clips and 700 classes have 140 MB."""
MOST_ARRAYS = 20
_UNSEEN = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)))
"""Signs that turn the direction of the text after them."""


def read_json(path: Path) -> tuple[str, Any]:
    """Return the text of a JSON file and its data.

    Raises:
        ValueError: It is too large, too deep or no JSON; a key is given twice, a number has digits that do not count,
            or a text has signs that are not seen.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(LARGEST_JSON + 1)
    if len(content) > LARGEST_JSON:
        raise ValueError(f"it has more than {LARGEST_JSON:,} bytes")
    text = content.decode("utf-8")
    try:
        data = json.loads(text, parse_float=_exact, parse_constant=_no_number, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    _check_depth(data)
    if "\\" in text or not text.replace("\n", "").isprintable():  # else every text in it is printable
        for value in _walk(data):
            if isinstance(value, str) and value != plain(value):
                raise ValueError(f"a text has signs that are not seen: {ascii(value)[:80]}")
    return text, data


def plain(text: str) -> str:
    """Return a text with ``?`` for each sign that a terminal would act on, or that is no character."""
    if text.isprintable():  # most are, and boards read thousands
        return text
    return "".join("?" if is_control(sign) else sign for sign in text)


def is_control(sign: str) -> bool:
    """Return True for a control character, half of a surrogate pair, a line's end, or a turn of direction."""
    return sign in _UNSEEN or unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")


def read_arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of an ``.npz`` file, after checking that they are as large as they say, and not too large.

    Raises:
        ValueError: It is no such file, is encrypted, or its arrays are too large, too many, or of Python objects.
        OSError: It cannot be read.
        Exception: Whatever a damaged file makes zipfile and NumPy raise.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MOST_ARRAYS or len({member.filename for member in members}) < len(members):
            raise ValueError(f"{len(members):,} arrays are too many, or have one name")
        if (size := sum(member.file_size for member in members)) > LARGEST_ARRAYS:
            raise ValueError(f"its arrays would take {size:,} bytes, more than {LARGEST_ARRAYS:,}")
        for member in members:
            if member.flag_bits & 1:
                raise ValueError(f"{member.filename} is encrypted")
        return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """Return an array that is as large as its header says."""
    content = bytearray(archive.read(member))
    version = npy.read_magic(io.BytesIO(content[: npy.MAGIC_LEN]))
    start = npy.MAGIC_LEN + (2 if version == (1, 0) else 4)
    end = start + int.from_bytes(content[npy.MAGIC_LEN : start], "little")
    shape, by_columns, kind = _header(version, bytes(content[npy.MAGIC_LEN : end]))
    size = int(np.prod(shape, dtype=object)) * kind.itemsize
    if kind.hasobject or size > len(content) - end:
        raise ValueError(f"{member.filename} says that it has {size:,} bytes, and has {max(len(content) - end, 0):,}")
    return np.ndarray(shape, kind, content, offset=end, order="F" if by_columns else "C")


@lru_cache(maxsize=200)
def _header(version: tuple[int, int], header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and type of an array, of which boards read thousands of equal ones."""
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, kind = read(io.BytesIO(header))
    return shape, by_columns, kind


def _exact(text: str) -> float:
    """Return a number, refusing digits that do not count: otherwise some could be changed without a trace."""
    value = float(text)
    if repr(value) != text:
        raise ValueError(f"{text} was written as {value!r}")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise ValueError(f"the key {ascii(twice)[:80]} is given twice")
    return found


def _check_depth(data: Any) -> None:
    """Refuse JSON data that are nested too deep, level by level."""
    level = [data]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _walk(data: Any) -> Iterator[Any]:
    """Yield every value in JSON data, keys included; without recursion."""
    waiting = [data]
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, dict):
            waiting += [inner for pair in value.items() for inner in pair]
        elif isinstance(value, list):
            waiting += value
