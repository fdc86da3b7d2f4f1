"""``key=value`` words: the known keys, and the types of their values. Nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from tta_bench.cards.files import card_files, merge
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.cards.validation import Strict
from tta_bench.config.keys import require_word, unknown_key
from tta_bench.config.values import read_value
from tta_bench.errors import UserError
from tta_bench.experiments.base import PhaseChoice, Precision
from tta_bench.experiments.common import (
    DatasetSettings,
    DataSettings,
    LauncherSettings,
    RegistrySettings,
    RuntimeSettings,
)
from tta_bench.experiments.kinds import experiment_kinds, protocol_card
from tta_bench.experiments.ranges import DISTINCT, MOST, Seed

Launcher = Literal["none", "local", "slurm"]


class Choices(Strict):
    """The keys without a dot, as a user may give them."""

    protocol: str
    """Protocol card."""
    backbone: str | None = None
    """Backbone card, or several joined by +; by default the protocol's."""
    dataset: str | None = None
    """Dataset card; by default the protocol's."""
    weights: str = "default"
    """Initial weights: a card, a file, a run, none, or the backbone's default."""
    phase: PhaseChoice = "all"
    """Training, test, or both."""
    split: Annotated[tuple[int, ...], DISTINCT] = (1,)
    """Splits of the dataset, one run for each."""
    seed: Annotated[tuple[Seed, ...], DISTINCT] = (0,)
    """Seeds, one run for each."""
    tier: Literal["auto", "sample", "full"] = "auto"
    """The full dataset or the embedded sample; auto: full where a data root is configured."""
    precision: Precision = "auto"
    """Number format of the forward pass; auto: bf16 on a GPU that has it, else fp32."""
    limit: int | None = Field(default=None, gt=0, le=MOST)
    """Keep this many clips of each list; for trying things out."""
    launcher: Launcher = "none"
    """Processes of the experiments: this one, some of this machine, or one job array of a SLURM cluster."""


COMMON: dict[str, type[Strict]] = {
    "dataset": DatasetSettings,
    "data": DataSettings,
    "runtime": RuntimeSettings,
    "launcher": LauncherSettings,
    "registry": RegistrySettings,
}


MAPPINGS = ("data.roots", "launcher.extra")
"""Keys that are told with a name behind them."""
_NAMES = {"backbone", "dataset", "dataset.name"}
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


def parse(words: Iterable[str], known: Sequence[str] | Mapping[str, Any] = ()) -> dict[str, Any]:
    """Return key and value of each ``key=value`` word; a value is read as the type of its key asks.

    Args:
        words: What the user wrote.
        known: Every key that may be given, perhaps with its type; by default those of a run.

    Raises:
        UserError: A word has no ``=``, a key is unknown (names what was meant) or is given twice, or a value is none.
    """
    types = key_types() | FILES | (dict(known) if isinstance(known, Mapping) else {})
    known = list(known) or known_keys()
    given: dict[str, Any] = {}
    for word in words:
        key, text = require_word(word, known)
        if (key not in known or key in MAPPINGS) and not re.fullmatch(rf"({'|'.join(MAPPINGS)})\.[^.]+", key):
            raise unknown_key(key, known, _of_protocols())
        if key in given:
            raise UserError(f"'{key}' is given twice.", "Lists are written with commas: seed=0,1.")
        name = key in _NAMES and text.strip() != "null"  # so Python's None is written
        given[key] = read_value(key, text, str if name else types.get(key, Path))
    return given


def _of_protocols() -> dict[str, list[str]]:
    """Return the keys of the shipped protocols, for the error that names those which have a key."""
    cards = [protocol_card(name) for name in card_files("protocols")]
    return {card.name: known_keys(type(card)) for card in cards}


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
