from __future__ import annotations

import pytest

from tta_bench.cards.files import card_files
from tta_bench.errors import UserError
from tta_bench.experiments.base import EXPERIMENTS
from tta_bench.experiments.fine_tune import FineTuneCard, FineTuneExperiment
from tta_bench.experiments.kinds import experiment_kind, experiment_kinds, forget_kinds, protocol_card


def test_every_shipped_protocol_has_a_kind_of_its_own_component() -> None:
    for name in card_files("protocols"):
        card = protocol_card(name)
        assert type(card) is experiment_kind(card.component).card_kind()
        assert EXPERIMENTS[card.component] in experiment_kinds()


def test_a_component_without_a_kind_has_fine_tunings() -> None:
    assert experiment_kind("SomebodysOwn") is FineTuneExperiment


def test_kinds_of_plugins_are_forgotten_and_the_suites_stay() -> None:
    own = set(EXPERIMENTS)

    class Mine(FineTuneExperiment, component="Mine"):
        protocol: FineTuneCard

    assert experiment_kind("Mine") is Mine
    forget_kinds()
    assert set(EXPERIMENTS) == own


def test_an_unknown_protocol_gets_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'abaw_eri'"):
        protocol_card("abaw_erl")
