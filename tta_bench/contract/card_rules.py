"""The rules for cards of datasets and protocols, a function each: as `tta_bench.contract.rules`, for a card's class."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tta_bench.cards.catalog import backbone_card, dataset_card
from tta_bench.cards.kinds import DatasetCard
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.config.overrides import known_keys
from tta_bench.config.resolve import data_root, resolve
from tta_bench.contract.rules import Broken, Unclaimed
from tta_bench.data.datasets.open import open_dataset
from tta_bench.registry import DATASETS

ARGUMENTS = ("experiment", "work_dir", "resume")
"""Arguments that the class of a protocol is called with."""


@dataclass(frozen=True)
class ProtocolSubject:
    """A protocol under test."""

    card: ProtocolCard
    load: Callable[[str], type]
    """Returns the class of a component, or raises UserError with the methods that it lacks."""


@dataclass(frozen=True)
class DatasetSubject:
    """A dataset under test."""

    card: DatasetCard

    @property
    def root(self) -> Path | None:
        """Its configured folder."""
        return data_root(self.card.name, {})


def methods(subject: ProtocolSubject) -> str:
    """The component is registered, and its class has every method of ProtocolRun."""
    return subject.load(subject.card.component).__name__


def arguments(subject: ProtocolSubject) -> str:
    """The class takes an experiment, a work folder and a resume mode."""
    try:
        inspect.signature(subject.load(subject.card.component)).bind(*ARGUMENTS)
    except TypeError as error:
        raise Broken(str(error)) from None
    return ", ".join(ARGUMENTS)


def named_cards(subject: ProtocolSubject) -> str:
    """The datasets and backbones of both tiers have cards."""
    tiers = (subject.card.full, subject.card.sample)
    cards = [card.name for tier in tiers for card in (dataset_card(tier.dataset), backbone_card(tier.backbone))]
    return ", ".join(dict.fromkeys(cards))


def locked_keys(subject: ProtocolSubject) -> str:
    """Every locked key is a key of the protocol."""
    if strangers := sorted(set(subject.card.locked) - set(known_keys(type(subject.card)))):
        raise Broken(f"unknown: {', '.join(strangers)}")
    return ", ".join(subject.card.locked) or "none"


def resolves(subject: ProtocolSubject) -> str:
    """Its sample tier resolves to an experiment."""
    (experiment,) = resolve([f"protocol={subject.card.name}", "tier=sample"])
    return f"{type(experiment).__name__} of {experiment.backbone.name} on {experiment.dataset.name}"


def registered(subject: DatasetSubject) -> str:
    """The component is registered."""
    component = DATASETS.get(subject.card.component)
    if component is None:
        raise Broken(f"nothing registers '{subject.card.component}'")
    return str(component.__name__)


def takes_arguments(subject: DatasetSubject) -> str:
    """The class takes a folder and the card's arguments."""
    try:
        inspect.signature(DATASETS.get(subject.card.component)).bind("root", **subject.card.arguments)
    except TypeError as error:
        raise Broken(str(error)) from None
    return ", ".join(["root", *subject.card.arguments])


def stand_in(subject: DatasetSubject) -> str:
    """Its embedded sample has a card."""
    if subject.card.sample is None:
        raise Unclaimed("none; sample: NAME would claim one")
    return dataset_card(subject.card.sample).name


def opens(subject: DatasetSubject) -> str:
    """Its configured folder has the expected layout, and clips in every split."""
    if subject.card.generator is not None:
        raise Unclaimed("an embedded sample, generated when needed")
    if subject.root is None:
        raise Unclaimed(f"no data root is configured; TTA_BENCH_DATA may name a folder with {subject.card.name}/")
    dataset = open_dataset(subject.card, subject.root)
    if not hasattr(dataset, "split"):
        return f"{type(dataset).__name__} of {subject.root}"
    splits: dict[int, Any] = {number: dataset.split(number) for number in subject.card.splits}
    return ", ".join(f"split {number}: {len(s.train):,} + {len(s.test):,} clips" for number, s in splits.items())


PROTOCOL_RULES = (methods, arguments, named_cards, locked_keys, resolves)
DATASET_RULES = (registered, takes_arguments, stand_in, opens)
