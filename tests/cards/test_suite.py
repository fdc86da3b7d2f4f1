from __future__ import annotations

from typing import Any

import pytest

from tta_bench.cards.catalog import backbone_card, suite_card
from tta_bench.cards.files import card_files
from tta_bench.cards.suite import Exclusion, SuiteCard
from tta_bench.cards.validation import validate
from tta_bench.errors import UserError
from tta_bench.experiments.kinds import protocol_card

PART = {"protocols": ["ucf101_knn"]}


def card(**part: Any) -> SuiteCard:
    return validate(SuiteCard, {"name": "s", "summary": "s", "tier": "sample", "parts": [PART | part]}, "s.yaml")


def test_shipped_suites_name_cards_that_exist() -> None:
    for name in card_files("suites"):
        for part in suite_card(name).parts:
            assert all(protocol_card(protocol) for protocol in part.protocols)
            assert all(backbone_card(backbone) for backbone in part.backbones)


def test_the_shipped_suites_are_what_their_names_say() -> None:
    (reaction,) = suite_card("abaw5").parts
    assert len(reaction.backbones) == 5
    assert sum("+" in name for name in reaction.backbones) == 1
    frozen = suite_card("frozen_12")
    assert len({name for part in frozen.parts for name in part.backbones}) == 12
    assert all(part.splits == "all" for part in frozen.parts)
    shown = {protocol for part in suite_card("sample").parts for protocol in part.protocols}
    assert shown == set(card_files("protocols"))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"seeds": [0, 0]}, "seeds must be different"),
        ({"splits": [1, 2, 1]}, "splits must be different"),
        ({"keys": {"seed": 1}}, "keys names seed"),
        ({"keys": {"tier": "full"}}, "keys names tier"),
        ({"exclude": [{}]}, "names nothing"),
        ({"protocol": "ucf101_ft"}, "Did you mean 'protocols'"),
        ({"protocols": []}, "protocols"),
    ],
)
def test_a_wrong_card_is_refused(part: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        card(**part)


def test_an_exclusion_holds_where_all_that_it_names_agrees() -> None:
    exclusion = Exclusion(protocol="a", backbone="b")
    assert exclusion.holds("a", "b", "none")
    assert not exclusion.holds("a", None, "none")
    assert not exclusion.holds("c", "b", "none")
    assert Exclusion(weights="w").holds("a", None, "w")
