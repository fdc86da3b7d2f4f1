"""Batches of reactions from extracted faces and features: sequences of different lengths, some of them missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tta_bench.data.loading import batches_of, worker_options
from tta_bench.utils.keyed_random import generator


@dataclass(frozen=True, slots=True)
class ReadyReaction:
    """A clip whose faces and features have been extracted."""

    id: str
    faces: Path | None
    """Face crops ``uint8 (T, size, size, 3)``; None without a picture, or where no part is visual."""
    features: tuple[Path | None, ...]
    """Features ``float32 (D,)`` or ``(T', D)`` of each part that takes features; None where they are missing."""
    targets: tuple[float, ...] | None
    """Intensities; None where they are not known."""


class ReactionItem(TypedDict):
    """One clip; a modality that it lacks has no rows."""

    faces: Tensor
    """uint8 (T, size, size, 3)."""
    features: list[Tensor]
    """float32 (T', D) of each part that takes features."""
    targets: Tensor
    """float32 (K,); NaN where they are not known."""


class ReactionBatch(TypedDict):
    """Several clips, padded to the longest."""

    faces: Tensor
    """uint8 (B, T, size, size, 3)."""
    frames: Tensor
    """int64 (B,): number of frames of each clip; its last frame is repeated as padding."""
    features: list[Tensor]
    """float32 (B, T', D) of each part that takes features."""
    rows: list[Tensor]
    """int64 (B,): number of rows of each clip, for each of these."""
    targets: Tensor
    """float32 (B, K)."""


class ReactionClips(Dataset[ReactionItem]):
    """Clips of one part; item (epoch, index) does not depend on the process or the order in which it is made.

    Args:
        clips: The part's clips, in an order that does not change.
        frames: Largest number of frames of a clip; 0 where no part is visual.
        size: Height and width of the faces; 0 where no part is visual.
        widths: D of each part that takes features.
        targets: Number of intensities.
        flip: Probability that a clip's faces are mirrored.
        seed: The experiment's seed.
    """

    def __init__(
        self,
        clips: Sequence[ReadyReaction],
        frames: int,
        size: int,
        widths: Sequence[int],
        targets: int,
        flip: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.clips, self.frames, self.size, self.widths, self.targets = clips, frames, size, widths, targets
        self.flip, self.seed = flip, seed

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.clips)

    def __getitem__(self, key: tuple[int, int]) -> ReactionItem:
        """Return a clip's faces and features; its faces are mirrored by a draw of (seed, epoch, id)."""
        epoch, index = key
        clip = self.clips[index]
        faces = np.zeros((0, self.size, self.size, 3), np.uint8) if clip.faces is None else read_array(clip.faces)
        if self.flip and generator(self.seed, epoch, clip.id, "flip").random() < self.flip:
            faces = faces[:, :, ::-1]
        features = [
            np.zeros((0, width), np.float32) if path is None else read_rows(path)
            for path, width in zip(clip.features, self.widths, strict=True)
        ]
        return {
            "faces": torch.from_numpy(np.ascontiguousarray(faces)),
            "features": [torch.from_numpy(rows) for rows in features],
            "targets": torch.tensor(clip.targets or (torch.nan,) * self.targets),
        }

    def collate(self, items: Sequence[ReactionItem]) -> ReactionBatch:
        """Return items as a batch."""
        columns = list(zip(*(item["features"] for item in items), strict=True))
        return {
            "faces": torch.stack([self._padded(item["faces"]) for item in items]),
            "frames": torch.tensor([len(item["faces"]) for item in items]),
            "features": [torch.nn.utils.rnn.pad_sequence(list(column), batch_first=True) for column in columns],
            "rows": [torch.tensor([len(rows) for rows in column]) for column in columns],
            "targets": torch.stack([item["targets"] for item in items]),
        }

    def _padded(self, faces: Tensor) -> Tensor:
        """Return faces padded with their last frame to the largest number of frames, as video networks need it."""
        if not len(faces):
            return faces.new_zeros(self.frames, self.size, self.size, 3)
        return faces[torch.arange(self.frames).clamp(max=len(faces) - 1)]


def reaction_loader(
    clips: ReactionClips, batch: int, workers: int, pin: bool, every: int = 1, first: int = 0
) -> DataLoader[ReactionItem]:
    """Return the loader of a part's batches, in the list's order.

    Args:
        clips: The part's clips.
        batch: Clips in a batch.
        workers: Loader processes.
        pin: Whether batches go into page-locked memory.
        every: Take every n-th batch only.
        first: The first batch to take.
    """
    batches = batches_of(len(clips), batch)[first::every]
    return DataLoader(
        clips,
        batch_sampler=[[(0, index) for index in indices] for indices in batches],
        pin_memory=pin,
        collate_fn=clips.collate,
        **worker_options(workers),
    )


def read_array(path: Path) -> NDArray[np.generic]:
    """Return an extracted array."""
    array: NDArray[np.generic] = np.load(path, allow_pickle=False)
    return array


def read_rows(path: Path) -> NDArray[np.float32]:
    """Return extracted features as rows ``float32 (T', D)``; features of a whole clip are one row."""
    return np.atleast_2d(read_array(path)).astype(np.float32, copy=False)


def column_statistics(arrays: Iterable[NDArray[np.floating]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of each column over the rows of all arrays ``(T', D)``, each ``(D,)``.

    Sums are in double precision and relative to the first row, which keeps their rounding errors small.

    Raises:
        ValueError: There are no rows.
    """
    count, origin = 0, np.zeros(0)
    total = squares = origin
    for rows in arrays:
        if not len(rows):
            continue
        if not count:
            origin = rows[0].astype(np.float64)
            total = squares = np.zeros_like(origin)
        about = rows - origin
        count, total, squares = count + len(rows), total + about.sum(0), squares + np.square(about).sum(0)
    if not count:
        raise ValueError("statistics of no rows")
    variance = np.maximum(squares / count - np.square(total / count), 0)
    return (origin + total / count).astype(np.float32), np.sqrt(variance).astype(np.float32)
