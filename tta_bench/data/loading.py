"""From samples to batches: training clips keyed by epoch and sample, test views from one decode of each video."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypedDict, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tta_bench.data.datasets.layout import Sample
from tta_bench.data.media.decode import within_memory
from tta_bench.data.media.kept import KeptFrames
from tta_bench.data.media.seek import read_counted_frames
from tta_bench.data.step_order import StepBatches, StepParts
from tta_bench.data.transforms.augment import augment_clip
from tta_bench.data.transforms.rand_augment import parse_policy
from tta_bench.data.transforms.sampling import SAMPLERS, apply_control, arranged_views, resize_frame
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.fine_tune import EvalSettings, TrainSettings
from tta_bench.utils.keyed_random import generator
from tta_bench.utils.signals import serve

IN_FLIGHT_BYTES = 4 * 10**9
"""Most memory of the items that loader processes have ready."""
AHEAD = 2
"""Items that a loader process prepares ahead, PyTorch's own number."""


class TrainItem(TypedDict):
    """The augmented views of one video; a batch of them has one more dimension in front."""

    clips: Tensor
    """uint8 (views, T, H, W, 3)."""
    boxes: Tensor
    """int64 (views, count, 4): boxes to erase."""
    label: Tensor
    """int64 ()."""


class TestItem(TypedDict):
    """The views of one test video; a batch of them has one more dimension in front."""

    clips: Tensor
    """uint8 (views, T, H, W, 3)."""
    index: int
    """Index of the video in the test list."""


Item = TypeVar("Item", covariant=True)


class KeyedDataset(Protocol[Item]):
    """A training list whose items depend on epoch and index only."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: tuple[int, int], /) -> Item: ...


class TrainClips(Dataset[TrainItem]):
    """Training clips: item (epoch, index) is the same in any process and at any time.

    Args:
        samples: The training list.
        lengths: Counted frames of each video by id.
        clip: Extent of a clip.
        train: The recipe: views from one decode, and augmentation.
        seed: The experiment's seed.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        lengths: Mapping[str, int],
        clip: ResolvedClip,
        train: TrainSettings,
        seed: int,
    ) -> None:
        self.samples, self.lengths, self.clip, self.train, self.seed = samples, lengths, clip, train, seed
        self._kept = KeptFrames(sum(lengths[sample.id] for sample in samples))
        if train.augment.rand_augment is not None:
            parse_policy(train.augment.rand_augment)  # an error is raised here, not in a worker

    def __len__(self) -> int:
        """Return the number of training videos."""
        return len(self.samples)

    def source(self, index: int) -> Path:
        """Return a video's file or folder of frames."""
        return self.samples[index].path

    @property
    def kept_bytes(self) -> int:
        """Bytes of decoded frames that loader processes keep, once a first item was loaded."""
        return self._kept.bytes

    def __getitem__(self, key: tuple[int, int]) -> TrainItem:
        """Decode a video once and return its augmented views in an epoch."""
        epoch, index = key
        sample, clip = self.samples[index], self.clip
        start = generator(self.seed, epoch, sample.id, "start")
        length = self.lengths[sample.id]
        indices = SAMPLERS[clip.sampling or "dense"].train(length, clip.frames, clip.stride, start)
        frames = self._kept.read(sample.path, indices, length, partial(within_memory, frames=len(indices)))
        views = [
            augment_clip(frames, clip.size, self.train.augment, generator(self.seed, epoch, sample.id, view))
            for view in range(self.train.views)
        ]
        return {
            "clips": torch.from_numpy(np.stack([view for view, _ in views])),
            "boxes": torch.from_numpy(np.stack([boxes for _, boxes in views])),
            "label": torch.tensor(sample.label),
        }


class TestClips(Dataset[TestItem]):
    """Test views: item k holds all views of video k, taken from one decode.

    Args:
        samples: The test list.
        lengths: Counted frames of each video by id.
        clip: Extent of a clip.
        evaluation: Segments, crops and control.
        seed: The experiment's seed, for shuffled frames.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        lengths: Mapping[str, int],
        clip: ResolvedClip,
        evaluation: EvalSettings,
        seed: int,
    ) -> None:
        self.samples, self.lengths, self.clip, self.eval, self.seed = samples, lengths, clip, evaluation, seed

    def __len__(self) -> int:
        """Return the number of test videos."""
        return len(self.samples)

    def __getitem__(self, index: int) -> TestItem:
        """Decode a video once and return its views."""
        sample, clip = self.samples[index], self.clip
        length = self.lengths[sample.id]
        indices = SAMPLERS[clip.sampling or "dense"].test(length, clip.frames, clip.stride, self.eval.segments)
        indices = apply_control(indices, self.eval.control, generator(self.seed, sample.id, "control"))
        small = partial(resize_frame, size=clip.size)  # one by one, so that no more than one is held at full size
        once, places = np.unique(indices, return_inverse=True)
        frames = read_counted_frames(sample.path, once, length, small)
        views = arranged_views(frames, places.reshape(indices.shape), clip.size, self.eval.crops)
        return {"clips": torch.from_numpy(views), "index": index}


def train_loader(
    clips: KeyedDataset[Item], batches: StepBatches | StepParts, workers: int, pin: bool, bytes_of_item: int = 0
) -> DataLoader[Item]:
    """Return the loader of training batches, or parts of them; items that wait take at most `IN_FLIGHT_BYTES`."""
    return DataLoader(
        clips,  # type: ignore[arg-type]  # PyTorch needs no more than these two methods of a data set
        batch_sampler=batches,
        pin_memory=pin,
        collate_fn=getattr(clips, "collate", None),  # data sets of clips of different lengths have their own
        **worker_options(workers, bytes_of_item),
    )


def test_loader(clips: TestClips, batches: Sequence[list[int]], workers: int, pin: bool) -> DataLoader[TestItem]:
    """Return the loader of batches of test videos, given by their places in the list."""
    return DataLoader(clips, batch_sampler=batches, pin_memory=pin, **worker_options(workers))


def batches_of(count: int, size: int) -> list[list[int]]:
    """Return the numbers from 0 to a count, in batches."""
    return [[*range(first, min(count, first + size))] for first in range(0, count, size)]


def worker_options(workers: int, bytes_of_item: int = 0) -> dict[str, Any]:
    """Return a loader's arguments for a number of worker processes, and leave OpenCV one thread before they are forked.

    A forked worker would wait for ever for OpenCV's other threads, which stay behind in the main process.

    Args:
        workers: Number of worker processes; there are fewer where their items would not fit.
        bytes_of_item: Size of one item, 0 if it is small.
    """
    if not workers:
        return {"num_workers": 0}
    cv2.setNumThreads(1)
    workers, ahead = in_flight(workers, bytes_of_item)
    return {"num_workers": workers, "prefetch_factor": ahead, "worker_init_fn": quiet_worker}


def in_flight(workers: int, bytes_of_item: int) -> tuple[int, int]:
    """Return the workers, and the items that each prepares ahead, whose items fit into `IN_FLIGHT_BYTES`."""
    items = IN_FLIGHT_BYTES // max(1, bytes_of_item)
    return (workers, AHEAD) if items >= AHEAD * workers else (max(1, min(workers, items)), 1)


def bytes_of(item: object) -> int:
    """Return the size of the tensors in an item of a data set."""
    if isinstance(item, Tensor):
        return item.nbytes
    inside = item.values() if isinstance(item, Mapping) else item if isinstance(item, list | tuple) else ()
    return sum(map(bytes_of, inside))


def quiet_worker(_: int) -> None:
    """Leave signals to the main process, which stops its workers, and keep to one core.

    Schedulers send a signal to every process of a job. A worker that died of it would take its batch with it. A worker
    whose parent is gone ends soon: PyTorch would look for it only between two items, and every five seconds.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    assert parent.pid is not None
    serve(parent.pid)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
