"""Measurements of their own under a protocol: a locked key with one other value that has a board, not a place aside."""

from __future__ import annotations

from typing import NamedTuple

from tta_bench.errors import UserError
from tta_bench.experiments.base import ALWAYS_LOCKED
from tta_bench.experiments.kinds import protocol_card
from tta_bench.records.schema import Record

PARTS_OF_DATA = ("limit", "train.clips")
"""Keys that leave out a part of the data."""


class Variant(NamedTuple):
    """A value of a locked key that is measured on a board of its own."""

    word: str
    """The word that asks for it."""
    suffix: str
    """End of the board's name."""


VARIANTS = (Variant("probe.blocks=4", "4_blocks"),)
"""The known ones: V-JEPA 2's attentive classifier of four blocks."""


def variant_of(record: Record) -> Variant | None:
    """Return the variant of a protocol that a record measured, or None for the protocol itself."""
    words = {word.replace(" ", "") for word in record.given}
    return next((variant for variant in VARIANTS if variant.word in words), None)


def board_name(record: Record) -> str:
    """Return the name of a record's board: its protocol's, with an end for a variant."""
    name, variant = record.identity.protocol.name, variant_of(record)
    return name if variant is None else f"{name}__{variant.suffix}"


def changed_words(record: Record) -> list[str]:
    """Return a record's words that changed a locked key, or left out a part of the data, its variant's not counted."""
    locked = (*_locked(record.identity.protocol.name), *ALWAYS_LOCKED, *PARTS_OF_DATA)
    variant = variant_of(record)
    return [
        word
        for word in record.given
        if word.partition("=")[0] in locked
        and not word.endswith("=null")
        and (variant is None or word.replace(" ", "") != variant.word)
    ]


def _locked(protocol: str) -> tuple[str, ...]:
    try:
        return tuple(protocol_card(protocol).locked)
    except UserError:
        return ()  # a card of somebody's own, which is not here
