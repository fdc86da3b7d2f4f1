"""``key=value`` words: the known keys, and the types of their values. Nothing is evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, Field

from tta_bench.cards.files import merge, read_yaml
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.cards.validation import Strict
from tta_bench.errors import UserError, did_you_mean, unknown
from tta_bench.experiments.base import PhaseChoice, Precision
from tta_bench.experiments.common import DataSettings, RegistrySettings, RuntimeSettings
from tta_bench.experiments.kinds import experiment_kinds


class Choices(Strict):
    """The keys without a dot, as a user may give them."""

    protocol: str
    backbone: str | None = None
    dataset: str | None = None
    weights: str = "default"
    phase: PhaseChoice = "all"
    split: tuple[int, ...] = (1,)
    seed: tuple[int, ...] = (0,)
    tier: Literal["auto", "sample", "full"] = "auto"
    precision: Precision = "auto"
    limit: int | None = Field(default=None, gt=0)


COMMON: dict[str, type[Strict]] = {
    "data": DataSettings,
    "runtime": RuntimeSettings,
    "registry": RegistrySettings,
}


_NAMES = {"backbone", "dataset"}
"""Optional names, which may look like numbers."""
FILES: dict[str, Any] = {"predictions": Path, "labels": Path}
"""Keys of ``eval`` and ``verify`` beside those of a run."""


def known_keys(protocol: type[ProtocolCard] | None = None) -> list[str]:
    """Return every key that may be given, dotted: to a kind of protocol, or to any."""
    return list(key_types(protocol))


def key_types(protocol: type[ProtocolCard] | None = None) -> dict[str, Any]:
    """Return the type of every key that may be given, dotted: to a kind of protocol, or to any."""
    kinds = [kind.card_kind() for kind in experiment_kinds()] if protocol is None else [protocol]
    sections = [section for kind in kinds for section in kind.sections().items()]
    types = dict(_key_types(Choices))
    for name, model in (*sections, *COMMON.items()):
        types |= {f"{name}.{key}": annotation for key, annotation in _key_types(model)}
    return types


def _key_types(model: type[BaseModel]) -> Iterable[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from ((f"{name}.{key}", annotation) for key, annotation in _key_types(inner))
        else:
            yield name, inner


def parse(words: Iterable[str], known: Sequence[str] = ()) -> dict[str, Any]:
    """Return key and value of each ``key=value`` word; values are YAML scalars, and lists may be written ``1,2,3``.

    Args:
        words: What the user wrote.
        known: Every key that may be given; by default those of a run.

    Raises:
        UserError: A word has no ``=``, a key is unknown (names the nearest) or is given twice.
    """
    types = key_types() | FILES
    known = known or known_keys()
    given: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise UserError(f"'{word}' is not key=value.", did_you_mean(key, known))
        if key not in known and not key.startswith("data.roots."):
            raise unknown("key", key, known)
        if key in given:
            raise UserError(f"'{key}' is given twice.")
        given[key] = _value(key, text, types.get(key, Path))
    return given


def _value(key: str, text: str, annotation: Any) -> Any:
    """Return the value of a key: names and paths as they are written, one element for a list of one."""
    if annotation in (str, Path, Path | None) or key in _NAMES:
        return text
    if "," in text and not text.startswith("["):
        return [read_yaml(part, key) for part in text.split(",")]
    value = read_yaml(text, key)
    is_list = get_origin(annotation) is tuple and get_args(annotation)[-1] is Ellipsis
    return [value] if is_list and not isinstance(value, list) else value


def section(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the keys of one section as nested data."""
    nested: dict[str, Any] = {}
    for key, value in given.items():
        first, *rest = key.split(".")
        if first != name or not rest:
            continue
        below = nested
        for part in rest[:-1]:
            below = below.setdefault(part, {})
        below[rest[-1]] = value
    return nested


def with_overrides(base: BaseModel, given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a section's settings with the given keys laid over them."""
    over = section(given, name)
    if "epochs" in over and "steps" in type(base).model_fields:
        over.setdefault("steps", None)  # whoever asks for epochs does not want the recipe's steps
    return merge(base.model_dump(), over)
