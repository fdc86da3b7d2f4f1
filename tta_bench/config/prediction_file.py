"""Prediction files from elsewhere: the words of ``eval``, resolved with cards."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import Field

from tta_bench.cards.catalog import dataset_card
from tta_bench.cards.kinds import DatasetCard, Tier
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.cards.validation import Strict, validate, validate_keys
from tta_bench.config.overrides import Choices, parse, with_overrides
from tta_bench.config.resolve import choose_data, own_title
from tta_bench.errors import UserError, unknown
from tta_bench.experiments.common import DataSettings
from tta_bench.experiments.kinds import protocol_card
from tta_bench.metrics import METRICS

KEYS = ("protocol", "predictions", "labels", "backbone", "dataset", "split", "seed", "tier", "data.root")
"""Keys of ``eval``."""
PART = "eval.split"
"""Key of ``eval`` for protocols that have parts in place of splits."""


class OutsideScores(Strict):
    """A prediction file from elsewhere, and the data that it is scored against."""

    protocol: ProtocolCard
    tier: Tier
    dataset: DatasetCard
    root: Path | None
    """Folder of the dataset; None for an embedded sample, or where a labels file takes its place."""
    predictions: Path
    labels: Path | None
    """A file of labels, in place of the dataset's own list."""
    name: str
    """Name of the model on a board."""
    split: int
    part: str | None
    """The part of the dataset, val or test, where the protocol has parts in place of splits."""
    seed: int = Field(ge=0)
    """Number of the training, where a model was trained several times."""
    arguments: tuple[str, ...]
    """The words as given."""

    @property
    def title(self) -> str | None:
        """Name that a reader knows data of one's own by."""
        return own_title(self.dataset.name, self.root, {})

    @property
    def standard(self) -> bool:
        """True if the labels are those of the protocol's own dataset."""
        official = self.labels is None and self.dataset.name == self.protocol.tier(self.tier).dataset
        return official and not (PART in self.protocol.locked and any(word.startswith(PART) for word in self.arguments))


def resolve_scores(words: Iterable[str]) -> OutsideScores:
    """Return the scores, and the data to score them against, that ``key=value`` words name.

    Raises:
        UserError: A key, name or value is wrong, or a file is not there; says which.
    """
    words = tuple(words)
    given = parse(words, (*KEYS, PART))
    for key in ("protocol", "predictions"):
        if key not in given:
            raise UserError(f"no {key} named.", "Say protocol=NAME predictions=FILE, and data.root=DIR or labels=FILE.")
    protocol = protocol_card(given["protocol"])
    METRICS.get(protocol.score)  # a plug-in's needs --plugin
    files = {key: Path(given[key]).expanduser() for key in ("predictions", "labels") if key in given}
    if missing := [str(path) for path in files.values() if not path.is_file()]:
        raise UserError(f"there is no file {' and no '.join(missing)}.")
    dataset, root, tier = _data(given, protocol)
    split, seed = (_one(given, key, default) for key, default in (("split", dataset.splits[0]), ("seed", 0)))
    if split not in dataset.splits:
        raise UserError(f"{dataset.name} has no split {split}.", f"It has {', '.join(map(str, dataset.splits))}.")
    resolved = {
        "protocol": protocol,
        "tier": tier,
        "dataset": dataset,
        "root": root,
        "predictions": files["predictions"],
        "labels": files.get("labels"),
        "name": given.get("backbone") or re.sub(r"[^A-Za-z0-9_.+:@-]", "-", files["predictions"].stem).lstrip("-_.+:@"),
        "split": split,
        "part": _part(given, protocol, tier),
        "seed": seed,
        "arguments": words,
    }
    return validate(OutsideScores, resolved, "eval")


def _data(given: dict[str, Any], protocol: ProtocolCard) -> tuple[DatasetCard, Path | None, Tier]:
    """Return the dataset, its folder and the tier; a labels file makes the folder unnecessary."""
    choices = validate(Choices, {k: v for k, v in given.items() if k in ("protocol", "dataset", "tier")}, "eval")
    if "labels" not in given:
        return choose_data(choices, validate(DataSettings, {"root": given.get("data.root")}, "eval"), protocol)
    tier: Tier = "sample" if choices.tier == "sample" else "full"
    return dataset_card(choices.dataset or protocol.tier(tier).dataset), None, tier


def _part(given: dict[str, Any], protocol: ProtocolCard, tier: Tier) -> str | None:
    """Return the part that is scored, or None where the protocol has splits.

    Raises:
        UserError: There is no such part, or the protocol has none.
    """
    usual = getattr(protocol.tier(tier), "eval", None)
    part = getattr(usual, "split", None)
    if usual is None or part is None:
        if PART in given:
            raise unknown("key", PART, KEYS)
        return None
    asked: str = validate_keys(type(usual), with_overrides(usual, given, "eval"), "eval.").split
    return asked


def _one(given: dict[str, Any], key: str, default: int) -> int:
    """Return the one value of a key that a run may have several of."""
    values: list[int] = given.get(key, [default])
    if len(values) != 1:
        raise UserError(f"a file has the scores of one {key}, and {key}={','.join(map(str, values))} was asked for.")
    return values[0]
