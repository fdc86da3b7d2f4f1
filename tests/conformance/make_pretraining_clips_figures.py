"""Write ``pretraining_clips.npz``: which frames and windows the official pre-training of VideoMAE V2 takes.

Usage: python tests/conformance/make_pretraining_clips_figures.py CHECKOUT

CHECKOUT is a clone of github.com/OpenGVLab/VideoMAEv2 (the figures here are of commit 29eab1e). Its code is
imported and run as it is; only the source of its random numbers is replaced.
"""

from __future__ import annotations

import contextlib
import importlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pretraining_inputs as given
from PIL import Image


@contextlib.contextmanager
def official_code(checkout: Path) -> Iterator[SimpleNamespace]:
    """Import the official modules without the rest of their package."""
    package = ModuleType("dataset")
    package.__path__ = [str(checkout / "dataset")]
    with mock.patch.dict(sys.modules, {"dataset": package, "decord": mock.MagicMock()}):
        yield SimpleNamespace(
            **{name: importlib.import_module(f"dataset.{name}") for name in ("pretrain_datasets", "transforms")}
        )


@contextlib.contextmanager
def drawing_from(draws: Any) -> Iterator[None]:
    """Let the official code draw from a formula."""
    with (
        mock.patch.object(random, "choice", lambda items: items[draws.integers(len(items))]),
        mock.patch.object(np.random, "randint", lambda high, size: np.array([draws.integers(high)][:size])),
    ):
        yield


def frame_indices(official: SimpleNamespace) -> dict[str, np.ndarray]:
    figures = {}
    for name, (frames, stride) in given.SAMPLINGS.items():
        data = official.pretrain_datasets.HybridVideoMAE("", "", new_length=frames, new_step=stride, lazy_init=True)
        found = np.empty((len(given.LENGTHS), frames), np.int16)
        for row, length in enumerate(given.LENGTHS):
            with drawing_from(given.Draws(length)):
                found[row] = data.get_frame_id_list(length, *data._sample_train_indices(length))
        figures[f"indices_{name}"] = found
    return figures


def windows(official: SimpleNamespace) -> dict[str, np.ndarray]:
    """Top, left, height and width of the window of each shape and seed."""
    crop = official.transforms.GroupMultiScaleCrop(given.SIZE, [1, 0.875, 0.75, 0.66])
    found = np.empty((len(given.FRAME_SHAPES), len(given.SEEDS), 4), np.int16)
    for row, (height, width) in enumerate(given.FRAME_SHAPES):
        for column, seed in enumerate(given.SEEDS):
            with drawing_from(given.Draws(seed)):
                wide, high, left, top = crop._sample_crop_size((width, height))
            found[row, column] = top, left, high, wide
    return {"windows": found}


def views(official: SimpleNamespace) -> dict[str, np.ndarray]:
    figures = {}
    for name, inputs in (("views", given.VIEWS), ("small_views", given.SMALL_VIEWS)):
        crop = official.transforms.GroupMultiScaleCrop(inputs["size"], [1, 0.875, 0.75, 0.66])
        images = [Image.fromarray(frame) for frame in given.pixels(*inputs["shape"])]
        made = []
        for seed in inputs["seeds"]:
            with drawing_from(given.Draws(seed)):
                made.append(np.stack([np.asarray(image) for image in crop((images, None))[0]]))
        figures[name] = np.stack(made)
    return figures


def main() -> None:
    """Write the figures beside this script."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    figures: dict[str, np.ndarray] = {}
    with official_code(Path(sys.argv[1]).resolve()) as official:
        for part in (frame_indices, windows, views):
            figures |= part(official)
    np.savez_compressed(Path(__file__).with_name("pretraining_clips.npz"), **figures)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
