"""Licences and papers of what a run was made of: backbone, weights and data, as their cards state them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tta_bench.cards.catalog import backbone_card, dataset_card, weights_card
from tta_bench.cards.kinds import Card
from tta_bench.errors import UserError
from tta_bench.records.schema import Record

NOT_STATED = "not stated on its card"
NO_CARD = "has no card here"


class Licence(NamedTuple):
    """One thing that a run was made of."""

    part: str
    """``backbone``, ``weights`` or ``data``."""
    name: str
    licence: str
    """Licence as its owner states it, or that nothing is known."""
    citation: str
    """Paper or repository to cite; empty where the card names none."""


def licences(record: Record) -> Iterator[Licence]:
    """Yield the parts that a run was made of, each of joined backbones by itself.

    Args:
        record: The record.
    """
    identity = record.identity
    for name in identity.backbone.split("+"):
        yield _licence("backbone", name, backbone_card)
    if identity.weights is not None:
        yield _licence("weights", identity.weights.name, weights_card)
    yield _licence("data", identity.dataset.name, dataset_card)


def _licence(part: str, name: str, find: Callable[[str], Card]) -> Licence:
    try:
        card = find(name)
    except UserError:
        return Licence(part, name, NO_CARD, "")
    return Licence(part, name, card.licence or NOT_STATED, card.citation or "")
