"""Open a dataset from its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from tta_bench.cards.kinds import DatasetCard
from tta_bench.data.synthetic.cache import sample_root
from tta_bench.utils.keyed_random import generator
from tta_bench.utils.paths import cache_folder

Listed = TypeVar("Listed")
"""What a list is of."""


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
