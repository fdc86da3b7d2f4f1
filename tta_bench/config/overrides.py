"""``key=value`` words: the known keys, and the types of their values. Nothing is evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

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


_LISTS = {"split", "seed", "study.sizes", "study.seeds"}
"""Keys of which a single value is a list of one."""

_TEXTS = {
    "data.root",
    "data.face_model",
    "registry.path",
    "weights",
    "backbone",
    "dataset",
    "protocol",
    "predictions",
    "labels",
}
"""Keys whose values are names or paths, taken as they are written."""


def known_keys(protocol: type[ProtocolCard] | None = None) -> list[str]:
    """Return every key that may be given, dotted: to a kind of protocol, or to any."""
    kinds = [kind.card_kind() for kind in experiment_kinds()] if protocol is None else [protocol]
    sections = [section for kind in kinds for section in kind.sections().items()]
    dotted = (f"{name}.{key}" for name, model in (*sections, *COMMON.items()) for key in _keys(model))
    return list(dict.fromkeys([*Choices.model_fields, *dotted]))


def _keys(model: type[BaseModel]) -> Iterable[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from (f"{name}.{key}" for key in _keys(inner))
        else:
            yield name


def parse(words: Iterable[str], known: Sequence[str] = ()) -> dict[str, Any]:
    """Return key and value of each ``key=value`` word; values are YAML scalars, and lists may be written ``1,2,3``.

    Args:
        words: What the user wrote.
        known: Every key that may be given; by default those of a run.

    Raises:
        UserError: A word has no ``=``, a key is unknown (names the nearest) or is given twice.
    """
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
        given[key] = _value(key, text)
    return given


def _value(key: str, text: str) -> Any:
    if key in _TEXTS or key.startswith("data.roots."):
        return text
    if "," in text and not text.startswith("["):
        return [read_yaml(part, key) for part in text.split(",")]
    value = read_yaml(text, key)
    return [value] if key in _LISTS and not isinstance(value, list) else value


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
    if "epochs" in over:
        over.setdefault("steps", None)  # whoever asks for epochs does not want the recipe's steps
    return merge(base.model_dump(), over)
