"""Picture of a masked autoencoder's input and output: original, masked and restored frames."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tta_bench.protocols.pretrain.masking import draw_masks
from tta_bench.protocols.pretrain.model import cut_tubelets, deviations, join_tubelets, take
from tta_bench.protocols.pretrain.step import PretrainStep
from tta_bench.utils.keyed_random import generator

HIDDEN_GREY = 128
"""Grey level of hidden tubelets."""
SHOWN_FRAMES = 8
"""Largest number of frames shown of a clip."""
SMALLEST_SIDE = 96
"""Smaller frames are enlarged to at least this many pixels, by a whole factor."""
GAP, NAME_WIDTH = 4, 72

Frames = NDArray[np.uint8]


class Restoration(NamedTuple):
    """Clips in three versions, each ``uint8 (clips, T, H, W, 3)``."""

    original: Frames
    masked: Frames
    """The tubelets that the encoder sees; the rest is grey."""
    restored: Frames
    """The same tubelets, and the decoder's pixels everywhere else."""


def restore(step: PretrainStep, clips: Tensor) -> Restoration:
    """Hide tubes of clips ``uint8 (clips, T, H, W, 3)`` and restore every hidden tubelet.

    Normalised targets lack each tubelet's mean and deviation, so those of the original are used.
    """
    model, settings, device = step.autoencoder, step.settings, step.settings.machine.device
    drawn = draw_masks(model.grid, settings.train.mask.encoder, 0.0, len(clips), generator(settings.seed, "picture"))
    visible, hidden = (torch.from_numpy(places).to(device) for places in (drawn.visible, drawn.decoded))
    original = cut_tubelets(clips.to(device), model.tubelet, model.patch)
    model.eval()
    with settings.machine.inference():
        pixels = model(step.encoder_input(take(original, visible)), visible, hidden).float().unflatten(2, (-1, 3))
        if settings.train.normalize:
            mean, divisor = deviations(take(original, hidden).float() / 255)
            pixels = pixels * divisor + mean
    masked, restored = original.clone(), original.clone()
    rows = torch.arange(len(clips), device=device)[:, None]
    masked[rows, hidden] = HIDDEN_GREY
    restored[rows, hidden] = (pixels * 255).round().clamp(0, 255).to(torch.uint8)
    size = model.grid, model.tubelet, model.patch
    return Restoration(*(join_tubelets(tubelets, *size).cpu().numpy() for tubelets in (original, masked, restored)))


def picture(restoration: Restoration) -> Frames:
    """Return an image ``uint8 (H, W, 3)``: for each clip a row of original, of masked and of restored frames, named."""
    return np.concatenate(
        [_row(name, clip) for clips in zip(*restoration, strict=True) for name, clip in _named(clips)]
    )


def write_picture(restoration: Restoration, path: Path) -> None:
    """Write the image as a PNG file."""
    done, png = cv2.imencode(".png", picture(restoration)[..., ::-1])
    assert done
    path.write_bytes(png.tobytes())


def _named(clips: tuple[Frames, ...]) -> list[tuple[str, Frames]]:
    return list(zip(Restoration._fields, clips, strict=True))


def _row(name: str, clip: Frames) -> Frames:
    """Return frames of a clip side by side, spread over its length, with a name on the left."""
    chosen = clip[np.linspace(0, len(clip) - 1, min(SHOWN_FRAMES, len(clip))).round().astype(int)]
    factor = max(1, -(-SMALLEST_SIDE // chosen.shape[1]))
    frames = chosen.repeat(factor, 1).repeat(factor, 2)
    frames = np.pad(frames, ((0, 0), (GAP, 0), (GAP, 0), (0, 0)), constant_values=255)
    row = np.pad(np.concatenate(list(frames), axis=1), ((0, 0), (NAME_WIDTH, 0), (0, 0)), constant_values=255)
    cv2.putText(row, name, (GAP, row.shape[0] // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return row
