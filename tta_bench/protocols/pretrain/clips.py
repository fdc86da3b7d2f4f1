"""Clips for masked pre-training: one decode of a video, and several crops of the same frames.

Frames and windows are drawn as in the official pre-training of VideoMAE V2 (github.com/OpenGVLab/VideoMAEv2,
dataset/pretrain_datasets.py and transforms.py). Clips are neither flipped nor changed in colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import Dataset

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.media.decode import within_memory
from tta_bench.data.media.seek import read_counted_frames
from tta_bench.data.transforms.augment import Box
from tta_bench.data.transforms.sampling import Indices
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.pretrain import PretrainSettings
from tta_bench.utils.keyed_random import generator

SNAP = 3
"""A side that differs from the view's by less than this many pixels becomes the view's."""
PLACES = (
    *((0, 0), (0, 4), (4, 0), (4, 4), (2, 2)),
    *((2, 0), (2, 4), (4, 2), (0, 2)),
    *((1, 1), (1, 3), (3, 1), (3, 3)),
)
"""Offsets of a window (down, right), in quarters of the frame's margin."""


class PretrainItem(TypedDict):
    """The views of one video; a batch of them has one more dimension in front."""

    clips: Tensor
    """uint8 (views, T, H, W, 3)."""


class PretrainClips(Dataset[PretrainItem]):
    """Clips for pre-training: item (epoch, index) does not depend on the process or the order in which it is made.

    The views of an item show the same frames (repeated augmentation), each through its own window.

    Args:
        clips: Readable clips of the corpus.
        lengths: Frame count of each video, by id.
        clip: Extent of a clip.
        train: The recipe: views from one decode, and scales of their windows.
        seed: The experiment's seed.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        lengths: Mapping[str, int],
        clip: ResolvedClip,
        train: PretrainSettings,
        seed: int,
    ) -> None:
        self.clips, self.lengths, self.clip, self.train, self.seed = clips, lengths, clip, train, seed

    def __len__(self) -> int:
        """Return the number of videos."""
        return len(self.clips)

    def source(self, index: int) -> Path:
        """Return a video's file or folder of frames."""
        return self.clips[index].path

    def __getitem__(self, key: tuple[int, int]) -> PretrainItem:
        """Decode a video once and return its views in an epoch."""
        epoch, index = key
        video, clip = self.clips[index], self.clip
        start, length = generator(self.seed, epoch, video.id, "start"), self.lengths[video.id]
        indices = pretrain_indices(length, clip.frames, clip.stride, start)
        frames = read_counted_frames(video.path, indices, length, partial(within_memory, frames=clip.frames))
        height, width = frames.shape[1:3]
        windows = [
            draw_window(height, width, clip.size, self.train.scales, generator(self.seed, epoch, video.id, view))
            for view in range(self.train.views)
        ]
        return {"clips": torch.stack([cut(frames, window, clip.size) for window in windows])}


def pretrain_indices(length: int, frames: int, stride: int, rng: np.random.Generator) -> Indices:
    """Draw the frames of a clip: ``int64 (frames,)``, every ``stride``-th from a random start.

    In a video shorter than ``frames * stride`` the clip starts at frame 0 and its last frame is repeated; the video's
    very last frame is never used, as in the official code.

    Args:
        length: Counted frames of the video, at least 1.
        frames: Frames of the clip.
        stride: Step from one frame to the next.
        rng: Draws the start; not used for a short video.
    """
    starts = length - frames * stride + 1
    start = int(rng.integers(starts)) if starts > 0 else 0
    steps = max(0, (length - 2 - start) // stride)
    return start + stride * np.minimum(np.arange(frames), steps)


def draw_window(height: int, width: int, size: int, scales: Sequence[float], rng: np.random.Generator) -> Box:
    """Draw a window by multi-scale cropping: a size from neighbouring scales, and one of thirteen fixed places.

    Args:
        height: Height of the frame.
        width: Width of the frame.
        size: Height and width of the view.
        scales: Sides of the window over the frame's short side, in falling order.
        rng: Draws the window.
    """
    sides = [int(min(height, width) * scale) for scale in scales]
    sides = [size if abs(side - size) < SNAP else side for side in sides]
    shapes = [(high, wide) for i, high in enumerate(sides) for j, wide in enumerate(sides) if abs(i - j) <= 1]
    high, wide = shapes[int(rng.integers(len(shapes)))]
    down, right = PLACES[int(rng.integers(len(PLACES)))]
    return Box(down * ((height - high) // 4), right * ((width - wide) // 4), high, wide)


def cut(frames: NDArray[np.uint8], window: Box, size: int) -> Tensor:
    """Cut a window out of every frame and resize it bilinearly with antialiasing: ``uint8 (T, size, size, 3)``.

    Args:
        frames: ``uint8 (T, H, W, 3)``.
        window: The region. Where snapping to the view's size makes it exceed the frame, black is added.
        size: Height and width of the view.
    """
    top, left, high, wide = window
    inside = frames[:, max(top, 0) : top + high, max(left, 0) : left + wide]
    missing = high - inside.shape[1], wide - inside.shape[2]
    if any(missing):
        above, before = max(-top, 0), max(-left, 0)
        edges = (0, 0), (above, missing[0] - above), (before, missing[1] - before), (0, 0)
        inside = np.pad(inside, edges)
    if (high, wide) == (size, size):
        return torch.from_numpy(np.ascontiguousarray(inside))
    picture = torch.from_numpy(inside).permute(0, 3, 1, 2)
    view: Tensor = interpolate(picture, (size, size), mode="bilinear", antialias=True)
    return view.permute(0, 2, 3, 1)
