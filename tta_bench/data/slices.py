"""Parts of a step that are too large for one item of a loader: loaded in slices, and joined before they are used."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tta_bench.data import loading
from tta_bench.data.step_order import Part, StepBatches, StepParts

SLICE_BYTES = 5 * 10**8
"""Most bytes of a loader's item, but for a single video that is larger."""


class JoinedSlices:
    """A loader's items, put together to the parts that they are slices of.

    Args:
        loader: The loader, whose items are tensors, or mappings of them, stacked over videos.
        cuts: The slices of every part of a step, each the places of its videos.
    """

    def __init__(self, loader: Iterable[Any], cuts: Sequence[Sequence[Sequence[int]]]) -> None:
        self.loader, self.cuts = loader, cuts

    def __iter__(self) -> Iterator[Any]:
        """Yield every part; while one is put together, no more than one slice of it is held twice."""
        slices = iter(self.loader)
        for cut in itertools.cycle(self.cuts):
            first = next(slices, None)
            if first is None:
                return
            if len(cut) == 1:
                yield first
                continue
            videos, begun = sum(map(len, cut)), len(cut[0])
            whole = _room(first, videos)
            _put(whole, first, 0)
            del first
            for piece in cut[1:]:
                _put(whole, next(slices), begun)
                begun += len(piece)
            yield whole


def part_loader(
    clips: loading.KeyedDataset[Any],
    batches: StepBatches,
    parts: Sequence[Part],
    workers: int,
    pin: bool,
    bytes_of_video: int = 0,
) -> Iterable[Any]:
    """Return the loader of parts of steps; what its processes have ready is bounded by bytes, however large a part is.

    A data set that stacks its clips by itself pads them to each other, so its parts stay whole.

    Args:
        clips: The training list.
        batches: The videos of every step.
        parts: The parts of a step that are wanted.
        workers: Number of worker processes.
        pin: Whether items go into page-locked memory.
        bytes_of_video: Size of one video's clips, 0 if it is small.
    """
    whole = [part.videos for part in parts]
    most = max(map(len, whole), default=1) if hasattr(clips, "collate") else videos_at_once(workers, bytes_of_video)
    cuts = [cut(videos, most) for videos in whole]
    items = [*itertools.chain(*cuts)]
    size = max(map(len, items), default=0) * bytes_of_video
    loader = loading.train_loader(clips, StepParts(batches, items), workers, pin, size)
    return loader if len(items) == len(whole) else JoinedSlices(loader, cuts)


def videos_at_once(workers: int, bytes_of_video: int) -> int:
    """Return the most videos of an item, so that each worker may have one ready."""
    most = min(SLICE_BYTES, loading.IN_FLIGHT_BYTES // max(1, workers))
    return max(1, most // max(1, bytes_of_video))


def cut(videos: Sequence[int], most: int) -> list[Sequence[int]]:
    """Return a list in as few slices of at most so many as there can be, as equal as can be."""
    count = -(-len(videos) // most)
    return [videos[number * len(videos) // count : (number + 1) * len(videos) // count] for number in range(count)]


def _room(item: Any, videos: int) -> Any:
    """Return empty tensors like those of an item, for another number of videos."""
    if isinstance(item, Mapping):
        return {name: _room(value, videos) for name, value in item.items()}
    return torch.empty(videos, *item.shape[1:], dtype=item.dtype, pin_memory=item.is_pinned())


def _put(whole: Any, item: Any, begin: int) -> None:
    """Copy the tensors of an item into those of the whole, from a video on."""
    if isinstance(item, Tensor):
        whole[begin : begin + len(item)] = item
        return
    for name, value in item.items():
        _put(whole[name], value, begin)
