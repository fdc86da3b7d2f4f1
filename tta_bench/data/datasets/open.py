"""Datasets opened from their cards."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tta_bench.cards.kinds import DatasetCard
from tta_bench.data.synthetic.cache import sample_root
from tta_bench.errors import UserError, did_you_mean, shorten, unknown
from tta_bench.plugins import import_installed
from tta_bench.registry import DATASETS
from tta_bench.utils.keyed_random import generator
from tta_bench.utils.paths import cache_folder
from tta_bench.utils.progress import console

Listed = TypeVar("Listed")
"""An item of a list: a sample, a clip or a reaction."""


def open_dataset(card: DatasetCard, root: Path | None) -> Any:
    """Return the layout that a dataset card names, read from a folder with the card's arguments.

    An installed plug-in of the card's name is imported if it is needed.

    Args:
        card: The dataset.
        root: Its folder or list; None for an embedded sample, which is generated if need be.

    Raises:
        UserError: Nothing registers the component (names the nearest), its class lacks one of the card's arguments
            (names it and the known ones) or fails with their values, or a part of the layout is missing.
    """
    component = DATASETS.get(card.component)
    if component is None and import_installed(card.name):
        component = DATASETS.get(card.component)
    if component is None:
        raise unknown("dataset component", card.component, DATASETS.module_dict)
    _check_arguments(card, component)
    folder = dataset_root(card, root)
    try:
        dataset = component(folder, **card.arguments)
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        if not card.arguments:  # then the card has no part in it
            raise
        given = ", ".join(f"{name}={value!r}" for name, value in card.arguments.items())
        raise UserError(
            f"{card.component} fails with the arguments on the card {card.name} ({given}): "
            f"{type(error).__name__}: {error}.",
            f"It takes: {', '.join(map(str, _parameters(component)))}.",
        ) from error
    for note in getattr(dataset, "notes", ()):
        console.print(f"{card.name}: {note}", markup=False, soft_wrap=True)
    return dataset


def _check_arguments(card: DatasetCard, component: Callable[..., Any]) -> None:
    """Check that a class has the parameters that a card gives, and is given those that have no default."""
    parameters = _parameters(component)
    known = {parameter.name: parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD}
    takes = f"It takes: {', '.join(known) or 'none'}."
    for name in card.arguments:
        if name not in known and len(known) == len(parameters):
            nearest = did_you_mean(name, known) if known else ""
            raise UserError(
                f"unknown argument of {card.component}, on the card {card.name}, '{name}'.",
                f"{nearest} {takes}" if nearest.startswith("Did") else takes,
            )
    missing = [name for name, parameter in known.items() if parameter.default is parameter.empty]
    if missing := [name for name in missing if name not in card.arguments]:
        raise UserError(f"the card {card.name} lacks arguments of {card.component}: {shorten(missing)}.", takes)


def _parameters(component: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a dataset class behind the first, its root."""
    return list(inspect.signature(component).parameters.values())[1:]


def limited(samples: Sequence[Listed], limit: int | None) -> Sequence[Listed]:
    """Return at most ``limit`` samples, spread over the list by a fixed draw, in the list's order."""
    if limit is None or limit >= len(samples):
        return samples
    kept = generator("limit").permutation(len(samples))[:limit]
    return [samples[index] for index in sorted(kept)]


def dataset_root(dataset: DatasetCard, root: Path | None) -> Path:
    """Return a dataset's folder; that of an embedded sample, which has none configured, is generated if need be."""
    if root is not None:
        return root
    assert dataset.generator is not None
    return sample_root(cache_folder() / "samples", dataset.name, dataset.component, dataset.generator)
