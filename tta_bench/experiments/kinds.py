"""Kinds of experiments: the class that a protocol card's component asks for."""

from __future__ import annotations

from typing import Any

from tta_bench import experiments
from tta_bench.cards.catalog import load
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.experiments.base import EXPERIMENTS, Experiment
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.plugins import import_installed, import_submodules, is_own


def experiment_kind(component: str) -> type[Experiment]:
    """Return the kind of experiment of a protocol component; a component without its own has fine-tuning's."""
    import_submodules(experiments.__name__)
    return EXPERIMENTS.get(component, FineTuneExperiment)


def experiment_kinds() -> list[type[Experiment]]:
    """Return every kind of experiment that is known."""
    import_submodules(experiments.__name__)
    return list(EXPERIMENTS.values())


def forget_kinds() -> None:
    """Forget the kinds of experiments that plug-ins defined."""
    for component in [component for component, kind in EXPERIMENTS.items() if not is_own(kind)]:
        del EXPERIMENTS[component]


def protocol_card(name: str) -> ProtocolCard:
    """Return the card of a protocol; an installed plug-in of that name is imported first, for its own kind of card.

    Raises:
        UserError: There is no such card (names the nearest), or one of its keys is wrong.
    """
    import_installed(name)
    return load("protocols", name, _card_kind)


def _card_kind(component: Any) -> type[ProtocolCard]:
    return experiment_kind(component if isinstance(component, str) else "").card_kind()
