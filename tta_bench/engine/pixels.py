"""Normalising and erasing of pixels, on the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_CONSTANTS: dict[tuple[tuple[float, ...], torch.device], Tensor] = {}


def normalize(clips: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Turn pixels ``uint8 (b, T, H, W, 3)`` into a network's input ``float32 (b, 3, T, H, W)``.

    Args:
        clips: The pixels.
        mean: Mean of each channel, for values in [0, 1].
        std: Standard deviation of each channel, for values in [0, 1].
    """
    scale, offset = (constants(tuple(v), clips.device).view(1, 3, 1, 1, 1) for v in (std, mean))
    channels_first = clips.permute(0, 4, 1, 2, 3)
    x = torch.empty(channels_first.shape, dtype=torch.float32, device=clips.device)
    return torch.div(channels_first, 255, out=x).sub_(offset).div_(scale)


def normalize_last(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Turn pixels ``uint8 (..., 3)``, channels last, into a network's input: ``float32`` of the same shape.

    Args:
        pixels: The pixels.
        mean: Mean of each channel, for values in [0, 1].
        std: Standard deviation of each channel, for values in [0, 1].
    """
    scale, offset = (constants(tuple(values), pixels.device) for values in (std, mean))
    return torch.div(pixels, 255).sub_(offset).div_(scale)


def constants(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return numbers as ``float32`` on a device; they are sent there once, since a device is waited for meanwhile."""
    key = (values, device)
    if key not in _CONSTANTS:
        with torch.inference_mode(False):
            made = torch.tensor(values, device=device)
        if type(made) is not Tensor:  # one without data, where only shapes are worked out
            return made
        _CONSTANTS[key] = made
    return _CONSTANTS[key]


def erase(x: Tensor, boxes: Tensor, seeds: Sequence[int]) -> Tensor:
    """Fill boxes of normalised clips with noise N(0, 1), in place; every pixel of every frame has its own.

    Args:
        x: Clips ``float (b, 3, T, H, W)``.
        boxes: ``int64 (b, count, 4)``: top, left, height and width, the same in all frames; empty for none.
        seeds: Seed of each clip's noise, which thus does not depend on the clips beside it.
    """
    for clip, clip_boxes, seed in zip(x, boxes.tolist(), seeds, strict=True):
        noise = torch.Generator(x.device).manual_seed(seed) if clip_boxes else None
        for top, left, height, width in clip_boxes:
            clip[..., top : top + height, left : left + width].normal_(generator=noise)
    return x
