"""Values of ``key=value`` words, read as the type of their key: nothing is evaluated, and nothing is guessed.

A whole number is written in digits: ``010``, ``0x10``, ``1:30``, ``1_000`` and ``yes``, which YAML takes for 8, 16, 90,
1000 and 1, are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from tta_bench.cards.files import read_yaml
from tta_bench.errors import UserError, did_you_mean

NONE = frozenset({"null", "Null", "NULL", "none", "None", "~"})
"""Words for no value, of keys that may have none."""
TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
"""Words for true and false, in any case."""
LISTS = (list, tuple, set, frozenset)
LONGEST = 40
"""Most characters of a number."""
_WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Misread(ValueError):
    """A text that is no value of a type; its message ends the sentence that begins with key and text."""


def read_value(key: str, text: str, annotation: Any) -> Any:
    """Return the value that a text has for a key of this type; lists are written ``0,1,2``, with brackets or without.

    Args:
        key: The key, for messages.
        text: What stands behind ``=``.
        annotation: Type of the key, as its model declares it.

    Raises:
        UserError: It is empty, or no value of that type; says what was expected.
    """
    if not text.strip():
        raise UserError(f"{key} is empty.", f"Say {key}=VALUE; a shell variable that is not set gives nothing.")
    try:
        return _read(key, text, annotation)
    except Misread as problem:
        raise UserError(f"{key}={shown(text)}: {problem}") from None


def shown(value: object, most: int = 60) -> str:
    """Return a value as text for a message, cut where it is long."""
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def _read(key: str, text: str, annotation: Any) -> Any:
    annotation = bare_type(annotation)
    if annotation in (str, Path):
        return text
    if get_origin(annotation) in (Union, UnionType):
        return _one_of(key, text, [bare_type(part) for part in get_args(annotation)])
    if get_origin(annotation) is Literal:
        return _choice(text, get_args(annotation))
    if annotation in READERS:
        return READERS[annotation](text.strip())
    if get_origin(annotation) in LISTS:
        return _list(key, text, get_args(annotation))
    return _plain(key, text)  # a plug-in's own type, which its model validates


def bare_type(annotation: Any) -> Any:
    """Return a type without what is annotated to it."""
    return bare_type(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _one_of(key: str, text: str, kinds: list[Any]) -> Any:
    """Return the value of the first of several types that takes a text; words for nothing go before a text."""
    if NoneType in kinds and text.strip() in NONE:
        return None
    problems = []
    for kind in sorted((kind for kind in kinds if kind is not NoneType), key=lambda kind: kind in (str, Path)):
        try:
            return _read(key, text, kind)
        except Misread as problem:
            problems.append(str(problem))
    nothing = ", or null for none" if NoneType in kinds else ""
    raise Misread(f"{' '.join(problems).rstrip('.')}{nothing}.")


def _choice(text: str, choices: tuple[Any, ...]) -> Any:
    known = {str(choice): choice for choice in choices}
    if text.strip() not in known:
        nearest = did_you_mean(text, known)
        taken = f" {' or '.join(known)} is taken." if len(known) < 5 and not nearest.startswith("Known") else ""
        raise Misread(f"not one of its values.{taken} {nearest}".rstrip())
    return known[text.strip()]


def _whole(text: str) -> int:
    """Return a whole number written in digits."""
    if _WHOLE.fullmatch(text) and len(text) <= LONGEST:
        return int(text)
    raise Misread(f"a whole number was expected, in digits.{_meant(text)}")


def _number(text: str) -> float:
    """Return a finite number, with a point for its decimals."""
    if _NUMBER.fullmatch(text) and len(text) <= LONGEST and math.isfinite(float(text)):
        return float(text)
    raise Misread(f"a number was expected.{_meant(text)}")


def _meant(text: str) -> str:
    """Return a hint at the right spelling of a text that is almost a number."""
    digits = text.replace("_", "")
    if re.fullmatch(r"[+-]?[0-9]+", digits) and len(digits) <= LONGEST:
        return f" Write {int(digits)}."
    if re.fullmatch(r"[0-9]+(-|\.\.|:)[0-9]+", text) and len(text) < 10:
        return " Lists are written with commas: 0,1,2."
    if _NUMBER.fullmatch(text) and len(text) < 20 and math.isfinite(float(text)) and float(text).is_integer():
        return f" Write {int(float(text))}."
    if "," in text:
        return " One, and decimals have a point."
    return ""


def _truth(text: str) -> bool:
    if text.lower() not in TRUTH:
        raise Misread("true or false was expected.")
    return TRUTH[text.lower()]


READERS: dict[Any, Callable[[str], Any]] = {int: _whole, float: _number, bool: _truth}


def _list(key: str, text: str, kinds: tuple[Any, ...]) -> list[Any]:
    """Return the values of a list; a type with a kind for each place says how many there are."""
    texts = [part.strip() for part in re.sub(r"^\s*[\[(](.*)[\])]\s*$", r"\1", text).split(",")]
    if len(texts) > 1 and not texts[-1]:
        texts.pop()  # (1,) is Python's list of one
    if any(not part for part in texts):
        raise Misread("a value is missing between two commas.")
    fixed = Ellipsis not in kinds and len(kinds) > 1
    if fixed and len(texts) != len(kinds):
        raise Misread(f"{len(kinds)} values were expected, with a comma between them, and there are {len(texts)}.")
    wanted = kinds if fixed else (kinds[0],) * len(texts)
    return [_read(key, part, kind) for part, kind in zip(texts, wanted, strict=True)]


def _plain(key: str, text: str) -> Any:
    if "," in text and text[0] not in "[{":
        return [read_yaml(part, key) for part in text.split(",")]
    return read_yaml(text, key)
