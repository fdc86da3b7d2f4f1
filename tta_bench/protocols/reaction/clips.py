"""From extracted faces and features to batches of reactions: sequences of different lengths, some of them missing."""

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

from tta_bench.data.loading import worker_options
from tta_bench.utils.keyed_random import generator


@dataclass(frozen=True, slots=True)
class ReadyReaction:
    """A clip whose faces and features have been extracted."""

    id: str
    faces: Path | None
    """Face crops ``uint8 (T, size, size, 3)``; None where there is no picture, or nothing is shown."""
    features: tuple[Path | None, ...]
    """Features ``float32 (D,)`` or ``(T', D)`` of each part that takes some; None where there are none."""
    targets: tuple[float, ...] | None
    """Intensities, where they are known."""


class ReactionItem(TypedDict):
    """One clip; what it lacks has no rows."""

    faces: Tensor
    """uint8 (T, size, size, 3)."""
    features: list[Tensor]
    """float32 (T', D) of each part that takes features."""
    targets: Tensor
    """float32 (K,); NaN where they are not known."""


class ReactionBatch(TypedDict):
    """Several clips, each filled up to the longest."""

    faces: Tensor
    """uint8 (B, T, size, size, 3)."""
    frames: Tensor
    """int64 (B,): a clip's own frames; behind them its last one is repeated."""
    features: list[Tensor]
    """float32 (B, T', D) of each part that takes features."""
    rows: list[Tensor]
    """int64 (B,): a clip's own rows of each of these."""
    targets: Tensor
    """float32 (B, K)."""


class ReactionClips(Dataset[ReactionItem]):
    """Clips of one part; item (epoch, index) is the same whatever process makes it, and whenever.

    Args:
        clips: The part's clips, in an order that does not change.
        frames: Frames of a clip, at most; 0 where nothing is shown.
        size: Height and width of the faces; 0 where nothing is shown.
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
        """Read a clip's faces and features and mirror its faces by a draw of (seed, epoch, id)."""
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
            "faces": torch.stack([self._filled(item["faces"]) for item in items]),
            "frames": torch.tensor([len(item["faces"]) for item in items]),
            "features": [torch.nn.utils.rnn.pad_sequence(list(column), batch_first=True) for column in columns],
            "rows": [torch.tensor([len(rows) for rows in column]) for column in columns],
            "targets": torch.stack([item["targets"] for item in items]),
        }

    def _filled(self, faces: Tensor) -> Tensor:
        """Return as many frames as a clip has at most, the last one repeated, since some networks take no fewer."""
        if not len(faces):
            return faces.new_zeros(self.frames, self.size, self.size, 3)
        return faces[torch.arange(self.frames).clamp(max=len(faces) - 1)]


def reaction_loader(clips: ReactionClips, batch: int, workers: int, pin: bool) -> DataLoader[ReactionItem]:
    """Return the loader of a part's batches, ``batch`` clips at a time, in the list's order."""
    keys = [(0, index) for index in range(len(clips))]
    return DataLoader(
        clips,
        batch_sampler=[keys[first : first + batch] for first in range(0, len(keys), batch)],
        pin_memory=pin,
        collate_fn=clips.collate,
        **worker_options(workers),
    )


def read_array(path: Path) -> NDArray[np.generic]:
    """Return an extracted array."""
    array: NDArray[np.generic] = np.load(path, allow_pickle=False)
    return array


def read_rows(path: Path) -> NDArray[np.float32]:
    """Return extracted features as rows, ``float32 (T', D)``; those of a whole clip are one row."""
    return np.atleast_2d(read_array(path)).astype(np.float32, copy=False)


def column_statistics(arrays: Iterable[NDArray[np.floating]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of each column over the rows of all arrays ``(T', D)``, each ``(D,)``.

    Sums are of double precision and about the first row, so that little is lost in squaring.

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
