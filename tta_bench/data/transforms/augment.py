"""Augmentation of training clips: RandAugment, a random resized crop, a flip, and a box to be erased.

How each is drawn follows the official fine-tuning of VideoMAE (github.com/MCG-NJU/VideoMAE, kinetics.py,
video_transforms.py, random_erasing.py). All frames of a clip share all draws.
"""

from __future__ import annotations

import math
from typing import Generic, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeVar

from tta_bench.data.media.decode import Pixels
from tta_bench.data.transforms.rand_augment import apply_operation, draw_operations, parse_policy
from tta_bench.experiments.fine_tune import Augmentation

CROP_TRIES = 10
ERASE_TRIES = 100
ERASE_AREA = (0.02, 1 / 3)
"""Least and most share of the frame that is erased (Zhong et al., "Random Erasing", 2020)."""
ERASE_RATIO = (0.3, 1 / 0.3)
"""Least and most height over width of the erased box."""


Number = TypeVar("Number", int, float, default=int)


class Box(NamedTuple, Generic[Number]):
    """A rectangle of a frame, in pixels; a face detector's may begin and end between them (``Box[float]``)."""

    top: Number
    left: Number
    height: Number
    width: Number


NO_BOX = Box(0, 0, 0, 0)


def augment_clip(
    clip: Pixels, size: int, settings: Augmentation, rng: np.random.Generator
) -> tuple[Pixels, NDArray[np.int64]]:
    """Return one augmented view of a clip, and the box to erase in it.

    Erasing itself is left to the device, because its noise is added to normalised pixels.

    Args:
        clip: Decoded frames ``uint8 (T, H, W, 3)``; left as they are.
        size: Height and width of the view.
        settings: The augmentation.
        rng: Draws everything.

    Returns:
        The view ``uint8 (T, size, size, 3)``, and ``int64 (1, 4)``: top, left, height and width of the box to erase,
        all zero for none.

    Raises:
        UserError: The RandAugment policy is not understood.
    """
    if settings.rand_augment is not None:
        for operation in draw_operations(parse_policy(settings.rand_augment), rng):
            clip = apply_operation(clip, operation)
    box = draw_crop(clip.shape[1], clip.shape[2], settings.area, settings.ratio, rng)
    flip = bool(rng.random() < settings.flip)
    erased = draw_erased(size, rng) if rng.random() < settings.erase else NO_BOX
    return crop_and_resize(clip, box, size, flip), np.array([erased], np.int64)


def draw_crop(
    height: int, width: int, area: tuple[float, float], ratio: tuple[float, float], rng: np.random.Generator
) -> Box:
    """Draw a window of random area and shape (Szegedy et al., 2015); after ten misfits, the largest in the centre.

    Args:
        height: Height of the frame.
        width: Width of the frame.
        area: Share of the frame's area, least and most; uniform.
        ratio: Width over height, least and most; uniform in the logarithm.
        rng: Draws the window.
    """
    for _ in range(CROP_TRIES):
        pixels = rng.uniform(*area) * height * width
        shape = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        wide, high = round(math.sqrt(pixels * shape)), round(math.sqrt(pixels / shape))
        if 0 < wide <= width and 0 < high <= height:
            return _draw_place(high, wide, height, width, rng)
    wide = min(width, round(height * ratio[1]))
    high = min(height, round(width / ratio[0]))
    return Box((height - high) // 2, (width - wide) // 2, high, wide)


def draw_erased(size: int, rng: np.random.Generator) -> Box:
    """Draw a box to erase in a frame of ``size`` x ``size`` pixels; none after a hundred misfits."""
    for _ in range(ERASE_TRIES):
        pixels = rng.uniform(*ERASE_AREA) * size * size
        shape = math.exp(rng.uniform(math.log(ERASE_RATIO[0]), math.log(ERASE_RATIO[1])))
        high, wide = round(math.sqrt(pixels * shape)), round(math.sqrt(pixels / shape))
        if high < size and wide < size:
            return _draw_place(high, wide, size, size, rng)
    return NO_BOX


def _draw_place(high: int, wide: int, height: int, width: int, rng: np.random.Generator) -> Box:
    top = int(rng.integers(height - high + 1))
    left = int(rng.integers(width - wide + 1))
    return Box(top, left, high, wide)


def crop_and_resize(clip: Pixels, box: Box, size: int, flip: bool) -> Pixels:
    """Cut a window out of every frame, resize it bilinearly and perhaps mirror it: ``uint8 (T, size, size, 3)``.

    The arithmetic is in float32 and rounded once, so a pixel is within half a grey level of PyTorch's
    ``interpolate(align_corners=False)``; OpenCV's own uint8 arithmetic is off by up to a whole one.

    Args:
        clip: Frames ``uint8 (T, H, W, 3)``.
        box: The window.
        size: Height and width of the result.
        flip: Whether left and right are exchanged.
    """
    top, left, high, wide = box
    windows = clip[:, top : top + high, left : left + wide]
    views = np.empty((len(clip), size, size, 3), np.uint8)
    for window, view in zip(windows, views, strict=True):
        resized = cv2.resize(window.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
        cv2.convertScaleAbs(cv2.flip(resized, 1) if flip else resized, dst=view)
    return views
