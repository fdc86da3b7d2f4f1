"""Limits of what strangers write: size and depth of JSON, keys given twice, and signs that no text of a record has."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import from_json

from tta_bench.utils.keyed_random import canonical_json

LARGEST_JSON = 2_000_000
"""Bytes of a record; one of 700 classes has about 60,000."""
DEEPEST = 20
"""Levels of a record's JSON."""
_NESTED = (dict, list)
_UNSEEN = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)))
"""Signs that turn the direction of the text after them."""


class Document(NamedTuple):
    """A JSON document that was read."""

    text: str
    """Its text."""
    data: Any
    """Its data."""
    canonical: str
    """Text of which digests are made, `canonical_json` of the data."""


def read_json(path: Path) -> Document:
    """Return the JSON document in a file.

    Raises:
        ValueError: It is too large, too deep or no JSON; a key is given twice, a number has digits that do not count,
            or a text has signs that are not seen.
        OSError: It cannot be read.
    """
    text = read_bytes(path, LARGEST_JSON).decode("utf-8")
    document = _own(text) or _any(text)
    _check_depth(document.data)
    if "\\" in document.canonical or not document.canonical.isprintable():  # else every text in it is printable
        for value in _walk(document.data):
            if isinstance(value, str) and value != plain(value):
                raise ValueError(f"a text has signs that are not seen: {ascii(value)[:80]}")
    return document


def read_bytes(path: Path, most: int) -> bytes:
    """Return the bytes of a file.

    Raises:
        ValueError: They are more than ``most``.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(min(os.fstat(file.fileno()).st_size, most) + 1)
    if len(content) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return content


def plain(text: str) -> str:
    """Return a text with ``?`` for each sign that a terminal would act on, or that is no character."""
    if text.isprintable():  # most are, and boards read thousands
        return text
    return "".join("?" if is_control(sign) else sign for sign in text)


def is_control(sign: str) -> bool:
    """Return True for a control character, half of a surrogate pair, a line's end, or a turn of direction."""
    return sign in _UNSEEN or unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")


def _own(text: str) -> Document | None:
    """Return JSON that is laid out as this suite writes it; None for any other, which is read with care.

    Written again, its data give the same signs, but for line breaks, indentation, and blanks after a quote and a colon:
    so no key is given twice, and every number has the digits that it was read with. Most records are of this kind, and
    boards read thousands.
    """
    try:
        data = from_json(text)
        canonical = canonical_json(data)
    except (ValueError, RecursionError):
        return None
    compact = "".join(map(str.lstrip, text.split("\n")))
    same = compact.replace('": ', '":') == canonical.replace('": ', '":')
    return Document(text, data, canonical) if same else None


def _any(text: str) -> Document:
    try:
        data = json.loads(text, parse_float=_exact, parse_constant=_no_number, object_pairs_hook=_once)
        return Document(text, data, canonical_json(data))
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None


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
    level: list[Any] = [[data]]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, _NESTED)
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
