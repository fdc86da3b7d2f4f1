"""Pixels on the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def normalize(clips: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Turn pixels ``uint8 (b, T, H, W, 3)`` into a network's input ``float32 (b, 3, T, H, W)``.

    Args:
        clips: The pixels.
        mean: Mean of each channel, for values in [0, 1].
        std: Standard deviation of each channel, for values in [0, 1].
    """
    scale, offset = (torch.tensor(v, device=clips.device).view(1, 3, 1, 1, 1) for v in (std, mean))
    x = clips.permute(0, 4, 1, 2, 3).to(torch.float32, memory_format=torch.contiguous_format)
    return x.div_(255).sub_(offset).div_(scale)
