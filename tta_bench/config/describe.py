"""Descriptions of names: a card in full, with its hash, its cost and the differences that it can show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tta_bench.cards.catalog import GROUPS, backbone_card, dataset_card, names, suite_card, weights_card
from tta_bench.cards.families import with_timm_defaults
from tta_bench.cards.files import card_files
from tta_bench.cards.kinds import BackboneCard, Card
from tta_bench.cards.protocol import ProtocolCard, TierSettings
from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError, unknown
from tta_bench.experiments.base import protocol_hash
from tta_bench.experiments.effort import SHARE_OF_PEAK, effort, estimated_hours, official_counts
from tta_bench.experiments.kinds import protocol_card
from tta_bench.metrics.paired import ALIKE, SHARES, design_effect, detectable_difference
from tta_bench.plugins import PluginError, installed
from tta_bench.utils.keyed_random import digest

DETECTABLE = (
    "points of top-1 that a paired test at 5 % finds with power 0.8, by the share of test clips that only one of two "
    "models gets right, and by the correlation of these among the clips of one group (0.1 mild, 0.4 strong); one seed "
    "each, so the luck of training comes on top"
)
HOURS = (
    f"estimated and not measured, one split and seed: multiply-adds at {SHARE_OF_PEAK:.0%} of the GPU's peak in "
    f"bfloat16, no waiting for data; of frozen protocols the encoding, without attentive heads"
)


def describe(name: str) -> dict[str, dict[str, Any]]:
    """Return every card of a name as plain data, by group, each with its kind and hash.

    Raises:
        UserError: No card has that name (names the nearest), or one cannot be read.
    """
    found = cards_called(name)
    if not found:
        raise unknown("name", name, [*installed(), *(card for group in GROUPS for card in names(group))])
    return {group: describe_card(group, card) for group, card in found.items()}


def cards_called(name: str) -> dict[str, Card]:
    """Return the cards of a name by group; several backbones joined by ``+`` have one card.

    Raises:
        UserError: A card of that name cannot be read.
    """
    readers: dict[str, Callable[[], Card]] = {
        "backbones": lambda: with_timm_defaults(backbone_card(name)),
        "weights": lambda: weights_card(name),
        "datasets": lambda: dataset_card(name),
        "protocols": lambda: protocol_card(name),
        "suites": lambda: suite_card(name),
    }
    found: dict[str, Card] = {}
    for group in ["backbones"] if "+" in name else GROUPS:
        if not {"+", "/"} & set(name) and name not in names(group) and name not in installed():
            continue  # the error that says so looks through timm
        try:
            found[group] = readers[group]()
        except UserError as error:
            if "+" in name or name in names(group) or isinstance(error, PluginError):
                raise
    return found


def describe_card(group: str, card: Card) -> dict[str, Any]:
    """Return a card as plain data, after its kind, its hash and the figures that follow from it."""
    data = card.model_dump(mode="json")
    extra: dict[str, Any] = {"kind": group.rstrip("s"), "hash": digest(data)}
    if isinstance(card, BackboneCard) and card.gmacs is not None:
        extra["gmacs_x_views"] = {
            protocol.name: f"{card.gmacs:g} x {views}"
            for protocol in map(protocol_card, card_files("protocols"))
            if (views := protocol.views("full")) is not None
        }
        if hours := _hours(card):
            extra["estimated_hours"] = {"meaning": HOURS} | hours
    if isinstance(card, ProtocolCard):
        extra["hash"] = protocol_hash(card)
        if card.views("full") is not None:
            extra["views"] = {"full": card.views("full"), "sample": card.views("sample")}
            extra["detectable_difference"] = {
                "meaning": DETECTABLE,
                "full": _detectable(card.full),
                "sample": _detectable(card.sample),
            }
    return extra | data


def _hours(card: BackboneCard) -> dict[str, dict[str, float]]:
    """Return the estimated hours of a backbone's training and test by protocol and GPU, where the clips are stated."""
    found = {}
    for protocol in card_files("protocols"):
        try:
            experiment = resolve(
                [f"protocol={protocol}", f"backbone={card.name}", "weights=none", "tier=full", "data.root=."]
            )[0]
        except UserError:  # it has no recipe for such a backbone
            continue
        clips = official_counts(experiment)
        work = None if clips is None else effort(experiment, clips)
        if work:
            found[protocol] = {gpu: float(f"{hours:.2g}") for gpu, hours in estimated_hours(work).items()}
    return found


def _detectable(settings: TierSettings) -> dict[str, dict[str, float]]:
    """Return the detectable difference of a tier's test list, in points, by the share of clips that tell models apart.

    Empty where the size of the list, or of its groups, is not fixed.
    """
    card = dataset_card(settings.dataset)
    if card.test_group_size is None:
        return {}
    effects = {f"alike by {alike:g}": design_effect(card.test_group_size, alike) for alike in ALIKE}
    return {
        f"{share:.0%} of {n:,}": {
            words: round(100 * detectable_difference(n, share, effect=effect), 1) for words, effect in effects.items()
        }
        for n in card.test_sizes[:1]
        for share in SHARES
    }
