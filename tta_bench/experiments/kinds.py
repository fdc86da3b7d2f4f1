"""Kinds of protocols: the card and the experiment of a component."""

from __future__ import annotations

from typing import Any

from tta_bench.cards.catalog import load
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.experiments.fine_tune import FineTuneCard
from tta_bench.experiments.pretrain import PretrainCard
from tta_bench.experiments.reaction import ReactionCard
from tta_bench.experiments.scaling import ScalingCard

_KINDS: dict[str, type[ProtocolCard]] = {
    "FineTune": FineTuneCard,
    "Pretrain": PretrainCard,
    "Reaction": ReactionCard,
    "Scaling": ScalingCard,
}
PROTOCOL_KINDS = tuple(_KINDS.values())


def protocol_card(name: str) -> ProtocolCard:
    """Return the card of a protocol."""
    return load("protocols", name, protocol_kind)


def protocol_kind(component: Any) -> type[ProtocolCard]:
    """Return the kind of card that a component reads; one from outside the suite reads fine-tuning's."""
    return _KINDS.get(component, FineTuneCard) if isinstance(component, str) else FineTuneCard
