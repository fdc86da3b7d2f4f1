"""Order of a training's videos: those of every step, and of the parts in which a step is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from tta_bench.utils.keyed_random import generator


class StepBatches(Sampler[list[tuple[int, int]]]):
    """The (epoch, index) pairs of every optimisation step, from any step on.

    Each epoch is a permutation keyed by (seed, epoch), cut into whole batches; the rest is dropped, as in the official
    VideoMAE loaders.

    Args:
        count: Training videos.
        batch: Videos in a step; at most ``count``.
        first: First step to yield.
        last: Step to stop before.
        seed: The experiment's seed.
    """

    def __init__(self, count: int, batch: int, first: int, last: int, seed: int) -> None:
        self.count, self.batch, self.first, self.last, self.seed = count, batch, first, last, seed
        self.per_epoch = count // batch

    def __len__(self) -> int:
        """Return the number of steps left."""
        return self.last - self.first

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield each step's batch."""
        drawn, order = -1, np.arange(0)
        for step in range(self.first, self.last):
            epoch, number = divmod(step, self.per_epoch)
            if epoch != drawn:
                drawn, order = epoch, generator(self.seed, "order", epoch).permutation(self.count)
            chosen = order[number * self.batch : (number + 1) * self.batch]
            yield [(epoch, int(index)) for index in chosen]


class Part(NamedTuple):
    """A part of a step's global batch, which is on the device at once."""

    videos: tuple[int, ...]
    """Places of the videos in the step's list."""
    rows: Tensor
    """Numbers of its clips in the global batch, where view v of video k is k * views + v: ``int64 (clips,)``."""
    places: Tensor
    """Numbers of its clips among those of its videos."""


def parts_of_step(order: Tensor, micro_batch: int, views: int) -> list[Part]:
    """Return the parts of a step: its clips in an order, so many at a time.

    Args:
        order: Numbers of all clips of the global batch.
        micro_batch: Clips in a part.
        views: Clips of a video.
    """
    parts = []
    for rows in torch.split(order, micro_batch):
        videos, which = torch.unique(rows // views, return_inverse=True)
        parts.append(Part(tuple(videos.tolist()), rows, which * views + rows % views))
    return parts


class StepParts(Sampler[list[tuple[int, int]]]):
    """The (epoch, index) pairs of every item of every step.

    Args:
        batches: The pairs of every step.
        items: The items of a step, parts of it or slices of parts: places of their videos in the step's list.
    """

    def __init__(self, batches: StepBatches, items: Sequence[Sequence[int]]) -> None:
        self.batches, self.items = batches, items

    def __len__(self) -> int:
        """Return the number of items left."""
        return len(self.batches) * len(self.items)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield each item's videos."""
        for keys in self.batches:
            for videos in self.items:
                yield [keys[video] for video in videos]
