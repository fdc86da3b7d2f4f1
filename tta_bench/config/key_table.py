"""Table of a protocol's keys: value, type, lock and meaning of every ``key=value`` word."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from tta_bench.cards.protocol import ProtocolCard
from tta_bench.config.overrides import COMMON, MAPPINGS, Choices
from tta_bench.config.values import LISTS, bare_type
from tta_bench.experiments.base import ALWAYS_LOCKED

WORDS = {int: "whole number", float: "number", bool: "true|false", str: "text", NoneType: "null"}
"""Words for plain types."""


@dataclass(frozen=True)
class KeyRow:
    """One key of a protocol."""

    key: str
    value: str
    """Its value at full tier; where the sample's differs, that too; for each recipe where recipes differ."""
    type: str
    locked: bool
    help: str
    """Its meaning."""


def key_table(card: ProtocolCard) -> list[KeyRow]:
    """Return a row for every key that may be given to a protocol."""
    locked = {*card.locked, *ALWAYS_LOCKED}
    rows = []
    for key, kind, name in _fields("", Choices):
        value = card.name if key == "protocol" else _default(Choices, name)
        rows.append(KeyRow(key, value, type_in_words(kind), key in locked, _meaning(Choices, name)))
    for section, model in card.sections().items():
        for key, kind, name in _fields(f"{section}.", model):
            path = key.split(".")[1:]
            value = " / ".join(dict.fromkeys(_of_tier(card, tier, section, path) for tier in ("full", "sample")))
            rows.append(KeyRow(key, value, type_in_words(kind), key in locked, _meaning(_owner(model, path), name)))
    for section, model in COMMON.items():
        for key, kind, name in _fields(f"{section}.", model):
            shown = f"{key}.NAME" if key in MAPPINGS else key
            rows.append(KeyRow(shown, _default(model, name), type_in_words(kind), key in locked, _meaning(model, name)))
    return rows


def type_in_words(annotation: Any) -> str:
    """Return a type as a user writes its values: ``whole number or null``, ``val|test``."""
    kind = bare_type(annotation)
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(map(type_in_words, get_args(kind)))
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if get_origin(kind) in LISTS:
        parts = [part for part in get_args(kind) if part is not Ellipsis]
        one = type_in_words(parts[0])
        return f"{len(parts)} values: {one}" if len(parts) > 1 else f"list: {one}"
    if get_origin(kind) is dict:
        return type_in_words(get_args(kind)[1])
    return WORDS.get(kind, getattr(kind, "__name__", str(kind)).lower())


def _fields(prefix: str, model: type[BaseModel]) -> Iterator[tuple[str, Any, str]]:
    """Yield key, type and field name of every field, those of sections inside included."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(f"{prefix}{name}.", kind)
        else:
            yield f"{prefix}{name}", kind, name


def _owner(model: type[BaseModel], path: list[str]) -> type[BaseModel]:
    """Return the model that has the field at the end of a path."""
    for part in path[:-1]:
        inner = model.model_fields[part].annotation
        assert isinstance(inner, type)
        model = inner
    return model


def _of_tier(card: ProtocolCard, tier: Literal["full", "sample"], section: str, path: list[str]) -> str:
    """Return a key's value on a tier of the card, in each recipe where they differ."""
    settings = card.tier(tier)
    recipes: Mapping[str, BaseModel] = getattr(settings, "recipes", {}) if section == "train" else {}
    if not recipes:
        return _text(_at(getattr(settings, section), path))
    values = {kind: _text(_at(recipe, path)) for kind, recipe in recipes.items()}
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{value} ({kind})" for kind, value in values.items())


def _at(settings: Any, path: list[str]) -> Any:
    for part in path:
        settings = getattr(settings, part)
    return settings


def _default(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    return "" if field.is_required() else _text(field.get_default(call_default_factory=True))


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value or "" if isinstance(value, dict) else value)


def _meaning(model: type[BaseModel], name: str) -> str:
    """Return the first sentence of a field's docstring, which stands below it in the source."""
    for kind in model.__mro__:
        if name in vars(kind).get("__annotations__", {}):
            return _docstrings(kind).get(name, "")
    return ""


def _docstrings(kind: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError):  # typed into a session
        return {}
    body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for statement, below in pairwise(body):
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and is_text:
            text = " ".join(str(below.value.value).split())  # type: ignore[attr-defined]
            found[statement.target.id] = text.replace("``", "")
    return found
