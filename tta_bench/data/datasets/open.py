"""Datasets opened from their cards."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from tta_bench.cards.kinds import DatasetCard
from tta_bench.data.synthetic.cache import sample_root
from tta_bench.errors import unknown
from tta_bench.registry import DATASETS
from tta_bench.utils.keyed_random import generator
from tta_bench.utils.paths import cache_folder

Listed = TypeVar("Listed")
"""What a list is of."""


def open_dataset(card: DatasetCard, root: Path | None) -> Any:
    """Return the layout that a dataset card names, read from a folder with the card's arguments.

    Args:
        card: The dataset.
        root: Its folder or list; None for an embedded sample, which is generated if need be.

    Raises:
        UserError: Nothing registers the component (names the nearest), its class lacks one of the card's arguments
            (names it and the known ones), or something of the layout is missing.
    """
    component = DATASETS.get(card.component)
    if component is None:
        raise unknown("dataset component", card.component, DATASETS.module_dict)
    parameters = list(inspect.signature(component).parameters.values())
    known = [parameter.name for parameter in parameters[1:] if parameter.kind is not parameter.VAR_KEYWORD]
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        for name in card.arguments:
            if name not in known:
                raise unknown(f"argument of {card.component}, on the card {card.name},", name, known)
    return component(dataset_root(card, root), **card.arguments)


def limited(samples: Sequence[Listed], limit: int | None) -> Sequence[Listed]:
    """Return at most ``limit`` samples, spread over the list by a fixed draw, in the list's order."""
    if limit is None or limit >= len(samples):
        return samples
    kept = generator("limit").permutation(len(samples))[:limit]
    return [samples[place] for place in sorted(kept)]


def dataset_root(dataset: DatasetCard, root: Path | None) -> Path:
    """Return a dataset's folder; that of an embedded sample, which has none configured, is generated if need be."""
    if root is not None:
        return root
    assert dataset.generator is not None
    return sample_root(cache_folder() / "samples", dataset.name, dataset.component, dataset.generator)
