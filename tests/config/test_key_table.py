from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest

from tta_bench.cards.files import card_files
from tta_bench.config.key_table import key_table, type_in_words
from tta_bench.config.overrides import known_keys
from tta_bench.experiments.kinds import protocol_card


@pytest.mark.parametrize("name", sorted(card_files("protocols")))
def test_every_key_of_a_protocol_has_a_row_that_says_what_it_is(name: str) -> None:
    card = protocol_card(name)
    rows = {row.key: row for row in key_table(card)}
    assert {key.removesuffix(".NAME") for key in rows} == set(known_keys(type(card)))
    assert not [key for key, row in rows.items() if not row.help or not row.type]
    assert {key for key, row in rows.items() if row.locked} >= set(card.locked) & set(rows)


def test_values_are_those_of_both_tiers_and_each_recipe() -> None:
    rows = {row.key: row for row in key_table(protocol_card("ucf101_ft"))}
    assert rows["clip.span"].value == "64 / 40"
    assert rows["train.epochs"].value == "100 (vit), 50 (cnn) / null"
    assert (rows["eval.segments"].locked, rows["train.lr"].locked) == (True, False)
    assert rows["runtime.workers"].value == "auto"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "whole number"),
        (float | None, "number or null"),
        (Annotated[int, 1] | Literal["auto"], "whole number or auto"),
        (tuple[float, float], "2 values: number"),
        (tuple[int, ...], "list: whole number"),
        (dict[str, int], "whole number"),
    ],
)
def test_types_are_said_in_words(kind: Any, words: str) -> None:
    assert type_in_words(kind) == words
