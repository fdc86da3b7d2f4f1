"""Mixup and cutmix of a batch on the device.

Both follow timm's ``Mixup`` in batch mode, which the official fine-tuning of VideoMAE uses
(github.com/MCG-NJU/VideoMAE, mixup.py): Zhang et al., "mixup" (2018); Yun et al., "CutMix" (2019).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tta_bench.data.transforms.augment import NO_BOX, Box
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import TrainSettings

Kind = Literal["none", "mixup", "cutmix"]


class Mix(NamedTuple):
    """Mixing of the clips of one global batch with their partners."""

    kind: Kind
    lam: float
    """Share of a clip itself in the mix and in its label."""
    box: Box
    """Window that cutmix takes from the partner; empty otherwise."""


UNMIXED = Mix("none", 1.0, NO_BOX)


def mixing_plan(batch: int, size: Sequence[int], settings: TrainSettings, rng: np.random.Generator) -> Mix:
    """Draw the mixing of a global batch: mixup or cutmix, each in half of the steps where both are wanted.

    Args:
        batch: Clips in the global batch, over all devices and views.
        size: Height and width of a clip.
        settings: Alphas of mixup and cutmix; 0 for none.
        rng: The step's generator.

    Raises:
        UserError: The clips cannot be paired.
    """
    if not (settings.mixup or settings.cutmix):
        return UNMIXED
    if batch % 2:
        raise UserError(
            f"mixup and cutmix mix pairs of clips, and a step has {batch}.",
            "Make train.batch or train.views even, or set train.mixup=0 train.cutmix=0.",
        )
    if settings.cutmix and (not settings.mixup or rng.random() < 0.5):
        lam = rng.beta(settings.cutmix, settings.cutmix)
        return cutmix(lam, int(rng.integers(size[0])), int(rng.integers(size[1])), size)
    return Mix("mixup", float(rng.beta(settings.mixup, settings.mixup)), NO_BOX)


def parts_of(batch: int, settings: TrainSettings) -> int:
    """Return the number of equal parts of a global batch that are mixed apart.

    Raises:
        UserError: They are not equal, or a part's clips cannot be paired.
    """
    parts = settings.mix_per or 1
    if batch % parts or (parts > 1 and batch // parts % 2):
        raise UserError(
            f"train.mix_per={parts} asks for equal parts of pairs of clips, and a step has {batch} clips.",
            "Make train.batch x train.views a multiple of twice as many.",
        )
    return parts


def cutmix(lam: float, row: int, column: int, size: Sequence[int]) -> Mix:
    """Return the cutmix of a box around a pixel, of area ``1 - lam``; where it is cut off, ``lam`` is what is left.

    Args:
        lam: Share of the frame that is kept.
        row: Row of the box's centre.
        column: Column of the box's centre.
        size: Height and width of the frame.
    """
    height, width = size
    high, wide = (int(side * math.sqrt(1 - lam)) // 2 for side in (height, width))
    top, left = max(row - high, 0), max(column - wide, 0)
    box = Box(top, left, min(row + high, height) - top, min(column + wide, width) - left)
    return Mix("cutmix", 1 - box.height * box.width / (height * width), box)


def pair_order(batch: int, parts: int = 1) -> Tensor:
    """Return the order ``int64 (batch,)`` in which each clip stands beside its partner: 0, B-1, 1, B-2, ...

    Clip i is mixed with clip B-1-i; of several parts, each by itself. Cut in this order at even places, a batch falls
    into micro-batches that hold whole pairs, so that its mix does not depend on where it is cut.
    """
    size = batch // parts
    ends = torch.stack([torch.arange(size), torch.arange(size - 1, -1, -1)], dim=1).flatten()[:size]
    return torch.cat([ends + part * size for part in range(parts)])


def runs_of_parts(rows: Tensor, size: int) -> list[tuple[int, int]]:
    """Return the part and the length of each run of a micro-batch's clips that are of one part of the global batch.

    Args:
        rows: ``int64 (b,)`` places of the clips in the global batch.
        size: Clips of a part.
    """
    numbers, lengths = torch.unique_consecutive(rows // size, return_counts=True)
    return list(zip(numbers.tolist(), lengths.tolist(), strict=True))


def mix_clips(x: Tensor, mix: Mix) -> Tensor:
    """Mix neighbouring clips of ``float (b, 3, T, H, W)`` with each other, in place.

    Args:
        x: Normalised clips in `pair_order`, or a part of them that holds whole pairs.
        mix: The plan of the global batch.

    Raises:
        UserError: A clip has no partner.
    """
    if mix.kind == "none":
        return x
    if len(x) % 2:
        raise UserError(f"mixup and cutmix mix pairs of clips, and a micro-batch has {len(x)}.", "Make it even.")
    if mix.kind == "mixup":
        partners = _partners(x)
        return x.mul_(mix.lam).add_(partners, alpha=1 - mix.lam)
    top, left, height, width = mix.box
    window = x[..., top : top + height, left : left + width]
    window.copy_(_partners(window))
    return x


def _partners(x: Tensor) -> Tensor:
    return x.reshape(len(x) // 2, 2, *x.shape[1:]).flip(1).reshape(x.shape)


def mix_targets(labels: Tensor, classes: int, smoothing: float, mix: Mix) -> Tensor:
    """Return the smoothed and mixed targets ``float32 (b, classes)`` of labels ``int64 (b,)``; rows sum to 1."""
    targets = F.one_hot(labels, classes).float() * (1 - smoothing) + smoothing / classes
    return targets if mix.kind == "none" else targets * mix.lam + _partners(targets) * (1 - mix.lam)
