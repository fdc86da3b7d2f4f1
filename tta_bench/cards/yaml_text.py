"""YAML texts from anybody, as plain data: within limits that are checked before anything is built of them.

libyaml's events are counted first. Its composer calls itself for each level (100,000 brackets end the process), and
aliases of aliases make much of little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from tta_bench.errors import UserError
from tta_bench.utils.printable import first_control

MOST_BYTES = 1_000_000
"""Largest file."""
MOST_LEVELS = 40
"""Most sections inside one another."""
MOST_VALUES = 200_000
"""Most values, with what each alias stands for counted as often as it is used."""
MOST_DIGITS = 400
"""Longest number."""


class _Loader(yaml.CSafeLoader):
    """The safe loader with YAML 1.2's plain values: ``010`` and ``1:30`` are no numbers, and ``1e-3`` is one."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as in yaml's own


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def read_text(path: Path, what: str = "card") -> str:
    """Return the text of a file.

    Raises:
        UserError: It is no file, is too large, or is not UTF-8; says where.
    """
    try:
        if not path.is_file():
            raise UserError(f"{path} is no file.", f"A {what} is a text file in YAML.")
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path} has {path.stat().st_size:,} bytes, and a {what} at most {MOST_BYTES:,}.")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{path} is UTF-16.", "Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8 (Latin-1, perhaps).",
            "Save it as UTF-8.",
        ) from None


def read_yaml(text: str, source: str) -> Any:
    """Return the data in a YAML text; objects are never constructed.

    Raises:
        UserError: The text is not YAML, asks for an object, goes beyond a limit or has a key twice; says where.
    """
    try:
        _check(text, source)
        return yaml.load(text, Loader=_Loader)  # noqa: S506, TID251 - a subclass of CSafeLoader
    except yaml.YAMLError as error:
        raise UserError(f"{source} is not plain YAML: {_said(error)}.") from None
    except (ValueError, OverflowError, TypeError, RecursionError) as error:
        raise UserError(f"{source} is not plain YAML: {error}.") from None


def line_of(path: Path, key: Sequence[str | int]) -> int | None:
    """Return the line of a file on which a key stands, given with its sections; None where the file does not say it."""
    node, line = yaml.compose(read_text(path), Loader=_Loader), None
    for part in key:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((name, value) for name, value in pairs if name.value == part), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _said(error: yaml.YAMLError) -> str:
    """Return the fault of a text on one line, with its line and column."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    at = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
    return at + " ".join(problem.split())


class _Level:
    """A section that is being read."""

    def __init__(self, anchor: str | None, keys: set[str] | None) -> None:
        self.anchor, self.keys = anchor, keys
        self.is_key = True
        self.values = 1


def _check(text: str, source: str) -> None:
    """Check a text's events against the limits."""
    if len(text) > MOST_BYTES:
        raise UserError(f"{source} has {len(text):,} characters, and at most {MOST_BYTES:,} are taken.")
    sizes: dict[str, int] = {}
    open_levels: list[_Level] = []
    total = 0
    for event in _events(text):
        line = event.start_mark.line + 1
        size = 1
        if isinstance(event, yaml.CollectionEndEvent):
            closed = open_levels.pop()
            size = closed.values
            if closed.anchor is not None:
                sizes[closed.anchor] = size
        elif isinstance(event, yaml.CollectionStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            open_levels.append(_Level(event.anchor, set() if is_mapping else None))
            if len(open_levels) > MOST_LEVELS:
                raise UserError(f"{source}, line {line}: more than {MOST_LEVELS} sections inside one another.")
            continue
        elif isinstance(event, yaml.AliasEvent):
            if any(level.anchor == event.anchor for level in open_levels):
                raise UserError(f"{source}, line {line}: *{event.anchor} stands inside what it stands for.")
            size = sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            _check_scalar(event, f"{source}, line {line}")
            if event.anchor is not None:
                sizes[event.anchor] = 1
        else:
            continue
        total = _count(open_levels, event, size, f"{source}, line {line}", total)


def _count(levels: list[_Level], event: yaml.Event, size: int, where: str, total: int) -> int:
    """Add a finished value to the section that it stands in, and return the number of values so far."""
    if not levels:
        return total
    level = levels[-1]
    level.values += size
    if level.values > MOST_VALUES:
        raise UserError(f"{where}: aliases make more than {MOST_VALUES:,} values of it.")
    if level.keys is not None:
        if level.is_key and isinstance(event, yaml.ScalarEvent):
            if event.value in level.keys:
                raise UserError(f"{where}: the key '{event.value[:60]}' is given twice.")
            level.keys.add(event.value)
        level.is_key = not level.is_key
    return total + 1


def _check_scalar(event: yaml.ScalarEvent, where: str) -> None:
    if event.implicit[0] and len(event.value) > MOST_DIGITS and re.fullmatch(r"[-+0-9_.eE]+", event.value):
        raise UserError(f"{where}: a number of {len(event.value):,} characters.")
    if (wrong := first_control(event.value)) is not None:
        raise UserError(f"{where}: the character U+{ord(wrong):04X} is not taken: it could steer a terminal.")


def _events(text: str) -> Iterator[Any]:
    yield from yaml.parse(text, Loader=_Loader)
