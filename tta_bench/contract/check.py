"""``check NAME``: import the plug-ins, load the cards of that name, and test each against the rules for its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tta_bench.cards.catalog import GROUPS, names
from tta_bench.cards.kinds import BackboneCard, Card, DatasetCard
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.config.describe import cards_called
from tta_bench.contract.card_rules import DATASET_RULES, PROTOCOL_RULES, DatasetSubject, ProtocolSubject
from tta_bench.contract.contract import Finding, check_backbone, try_rules
from tta_bench.errors import UserError, unknown
from tta_bench.plugins import PluginCode, import_installed, installed
from tta_bench.registry import PROTOCOLS, load_files

CHECKED = tuple(group for group in GROUPS if group not in ("weights", "suites"))
"""Groups of cards that have rules."""


def check(
    name: str, files: Sequence[Path] = (), load_protocol: Callable[[str], type] = PROTOCOLS.get
) -> tuple[tuple[PluginCode, ...], list[Finding]]:
    """Test a backbone, dataset or protocol against the contract; return its code from outside, and the findings.

    Args:
        name: Name of a card, of the suite's, of an installed plug-in's or of a file's.
        files: Plug-in files.
        load_protocol: Returns the class of a protocol component, or raises UserError with the methods that it lacks.

    Raises:
        UserError: There is no such card, and no plug-in that should have brought it.
    """
    try:
        code = load_files(files)
        code = (*code, installed()[name].code) if import_installed(name) else code
    except UserError as error:
        return (), [Finding("imports", "broken", "The plug-in is imported without an error.", error.message)]
    expected = f"A valid card called '{name}'."
    try:
        cards = _cards(name)
    except UserError as error:
        if not code:
            raise
        return code, [Finding("card", "broken", expected, error.message)]
    return code, list(_check_all(cards, expected, load_protocol))


def _cards(name: str) -> dict[str, Card]:
    """Return the cards of a name that have rules, by group.

    Raises:
        UserError: There is none (names the nearest), or it cannot be read.
    """
    cards = {group: card for group, card in cards_called(name).items() if group in CHECKED}
    if not cards:
        raise unknown("name", name, [*installed(), *(card for group in CHECKED for card in names(group))])
    return cards


def _check_all(cards: Mapping[str, Card], expected: str, load_protocol: Callable[[str], type]) -> Iterator[Finding]:
    """Yield the findings for each card; where one name has several, each rule says whose it is."""
    for group, card in cards.items():
        of = f"{group.removesuffix('s')}: " if len(cards) > 1 else ""
        for finding in (Finding("card", "kept", expected, card.summary), *_check_card(card, load_protocol)):
            yield replace(finding, rule=of + finding.rule)


def _check_card(card: Card, load_protocol: Callable[[str], type]) -> list[Finding]:
    if isinstance(card, ProtocolCard):
        return list(try_rules(PROTOCOL_RULES, ProtocolSubject(card, load_protocol)))
    if isinstance(card, DatasetCard):
        return list(try_rules(DATASET_RULES, DatasetSubject(card)))
    assert isinstance(card, BackboneCard)
    return check_backbone(card)
