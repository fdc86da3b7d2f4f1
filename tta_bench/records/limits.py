"""Limits of what strangers write: size and depth of JSON, keys given twice, and signs that no text of a record has."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import from_json

LARGEST_JSON = 2_000_000
"""Bytes of a record; one of 700 classes has about 60,000."""
DEEPEST = 20
"""Levels of a record's JSON."""
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
    data = _own(text)
    if data is None:
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


def _own(text: str) -> Any:
    """Return the data of JSON that is laid out as this suite writes it; None for any other, which is read with care.

    Written again, such data give the same signs, line breaks and indentation aside: so no key is given twice, and every
    number has the digits that it was read with. Most records are of this kind, and boards read thousands.
    """
    try:
        data = from_json(text)
        again = json.dumps(data, sort_keys=True, separators=(",", ": "), ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return data if again == "".join(map(str.lstrip, text.split("\n"))) else None


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
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
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
