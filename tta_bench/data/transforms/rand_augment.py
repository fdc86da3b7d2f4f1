"""RandAugment of clips: a few random operations, the same for all frames.

The operations, their ranges and how they are drawn are those of the official fine-tuning of VideoMAE
(github.com/MCG-NJU/VideoMAE, rand_augment.py), after timm and Cubuk et al., "RandAugment" (2019). Their pixels are
those of Pillow, to a grey level: operations on grey levels are a table and shifts of rows a filter, both for the whole
clip at once; Pillow does the rest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageStat

from tta_bench.data.media.decode import Pixels
from tta_bench.errors import UserError

FILL = 128
"""Grey level of pixels that an operation moves in from outside the frame."""

TRUNCATE = -0.4999
"""Added before OpenCV rounds, so that it truncates as Pillow does; a whole number stays what it is."""

LEVELS = np.arange(256)


class Policy(NamedTuple):
    """Distribution that operations are drawn from."""

    magnitude: float
    """Mean magnitude, from 0 to 10."""
    layers: int
    """Operations drawn; each is then done with probability 1/2."""
    deviation: float
    """Standard deviation of the magnitude."""


class Operation(NamedTuple):
    """An operation and its strength, in its own unit; see `STRENGTHS`."""

    name: str
    strength: float


@lru_cache(maxsize=16)
def parse_policy(text: str) -> Policy:
    """Read timm's notation for increasing operations, e.g. ``rand-m7-n4-mstd0.5-inc1``.

    Raises:
        UserError: Something else is written there.
    """
    head, *parts = text.split("-")
    matches = [re.fullmatch(r"(mstd|m|n|inc)(\d+(?:\.\d+)?)", part) for part in parts]
    values = {match[1]: float(match[2]) for match in matches if match}
    complete = {"m", "n", "inc"} <= values.keys() and values["inc"] == 1 and values["n"].is_integer()
    if head != "rand" or not all(matches) or not complete or values["m"] > 10:
        raise UserError(
            f"rand_augment={text} is not understood.",
            "Write it as rand-m7-n4-mstd0.5-inc1: magnitude (at most 10), operations, deviation of the magnitude; "
            "only increasing operations (inc1) are known.",
        )
    return Policy(values["m"], int(values["n"]), values.get("mstd", 0.0))


def _enhanced(level: float) -> float:
    return level / 10 * 0.9


STRENGTHS: dict[str, tuple[bool, Callable[[float], float]] | None] = {
    "AutoContrast": None,
    "Equalize": None,
    "Invert": None,
    "Rotate": (True, lambda level: level / 10 * 30),  # degrees
    "Posterize": (False, lambda level: 4 - int(level / 10 * 4)),  # bits that are kept
    "Solarize": (False, lambda level: 256 - int(level / 10 * 256)),  # grey level from which on to invert
    "SolarizeAdd": (False, lambda level: int(level / 10 * 110)),  # grey levels added to the dark half
    "Color": (True, _enhanced),  # 1 plus this is the factor, as in the next three
    "Contrast": (True, _enhanced),
    "Brightness": (True, _enhanced),
    "Sharpness": (True, _enhanced),
    "ShearX": (True, lambda level: level / 10 * 0.3),  # pixels a row
    "ShearY": (True, lambda level: level / 10 * 0.3),
    "TranslateX": (True, lambda level: level / 10 * 0.45),  # share of the width
    "TranslateY": (True, lambda level: level / 10 * 0.45),
}
"""The operations: whether the strength has a random sign, and the strength at a magnitude from 0 to 10."""

NAMES = tuple(STRENGTHS)


def draw_operations(policy: Policy, rng: np.random.Generator) -> list[Operation]:
    """Draw the operations to be done one after the other on a clip."""
    drawn = (NAMES[index] for index in rng.integers(len(NAMES), size=policy.layers))
    return [_draw_strength(name, policy, rng) for name in drawn if rng.random() <= 0.5]


def _draw_strength(name: str, policy: Policy, rng: np.random.Generator) -> Operation:
    level = rng.normal(policy.magnitude, policy.deviation) if policy.deviation else policy.magnitude
    rule = STRENGTHS[name]
    if rule is None:
        return Operation(name, 0.0)
    signed, strength = rule
    value = strength(min(10.0, max(0.0, level)))
    return Operation(name, -value if signed and rng.random() > 0.5 else value)


def apply_operation(clip: Pixels, operation: Operation) -> Pixels:
    """Do one operation on all frames of a clip ``uint8 (T, H, W, 3)``, in a new array of the same shape."""
    name, strength = operation
    _, height, width, _ = clip.shape
    match name:
        case "Invert":
            return _map_levels(clip, 255 - LEVELS)
        case "Posterize":
            return _map_levels(clip, LEVELS & -(1 << (8 - int(strength))))
        case "Solarize":
            return _map_levels(clip, np.where(strength > LEVELS, LEVELS, 255 - LEVELS))
        case "SolarizeAdd":
            return _map_levels(clip, np.where(LEVELS < 128, LEVELS + strength, LEVELS))
        case "Brightness":
            return _map_levels(clip, _blend_levels(0, 1 + strength))
        case "Contrast":
            return _map_frames(clip, lambda frame: _blend_levels(_mean_grey(frame), 1 + strength))
        case "AutoContrast":
            return _map_frames(clip, _stretched_levels)
        case "Equalize":
            return _map_frames(clip, _equalized_levels)
        case "Sharpness":
            return np.stack([_sharpen(frame, 1 + strength) for frame in clip])
        case "Color":
            return _with_pillow(clip, lambda image: ImageEnhance.Color(image).enhance(1 + strength))
        case "Rotate":
            fill = (FILL, FILL, FILL)
            return _with_pillow(clip, lambda image: image.rotate(strength, Image.Resampling.BICUBIC, fillcolor=fill))
        case "ShearX":
            return shift_rows(clip, strength * (np.arange(height) + 0.5))
        case "TranslateX":
            return shift_rows(clip, np.full(height, strength * width))
        case "ShearY":
            return _turned(shift_rows(_turned(clip), strength * (np.arange(width) + 0.5)))
        case "TranslateY":
            return _turned(shift_rows(_turned(clip), np.full(width, strength * height)))
    raise ValueError(name)


def _map_levels(clip: Pixels, levels: NDArray[np.generic]) -> Pixels:
    """Replace each grey level by its entry in a table (256,) or, per channel, (256, 3); entries are cut to 0..255."""
    table = levels.clip(0, 255).astype(np.uint8).reshape(256, 1, -1)
    mapped: Pixels = cv2.LUT(clip.reshape(-1, clip.shape[-2], 3), table)
    return mapped.reshape(clip.shape)


def _map_frames(clip: Pixels, levels: Callable[[Pixels], NDArray[np.generic]]) -> Pixels:
    """Replace grey levels by a table of each frame's own."""
    return np.stack([_map_levels(frame, levels(frame)) for frame in clip])


def _blend_levels(grey: int, factor: float) -> NDArray[np.float32]:
    """Return the table that moves grey levels away from one of them, or towards it, by a factor."""
    return np.float32(grey) + np.float32(factor) * (LEVELS - grey).astype(np.float32)


def _mean_grey(frame: Pixels) -> int:
    return int(ImageStat.Stat(Image.fromarray(frame).convert("L")).mean[0] + 0.5)


def _histograms(frame: Pixels) -> NDArray[np.int64]:
    """Count the pixels of each grey level and channel: (256, 3)."""
    counts = [cv2.calcHist([frame], [channel], None, [256], [0, 256]).ravel() for channel in range(3)]
    return np.stack(counts, axis=1).astype(np.int64)


def _stretched_levels(frame: Pixels) -> NDArray[np.float64]:
    """Return the table (256, 3) that spreads each channel over all grey levels."""
    present = _histograms(frame) > 0
    low, high = present.argmax(0), 255 - present[::-1].argmax(0)
    scale = 255 / np.maximum(high - low, 1)
    return np.where(high > low, LEVELS[:, None] * scale - low * scale, LEVELS[:, None])


def _equalized_levels(frame: Pixels) -> NDArray[np.int64]:
    """Return the table (256, 3) that makes each channel's grey levels about equally frequent."""
    counts = _histograms(frame)
    total = counts.sum(0)
    highest = 255 - (counts[::-1] > 0).argmax(0)
    step = (total - counts[highest, range(3)]) // 255
    below = counts.cumsum(0) - counts
    return np.where(step > 0, (step // 2 + below) // np.maximum(step, 1), LEVELS[:, None])


def _sharpen(frame: Pixels, factor: float) -> Pixels:
    """Move a frame away from its smoothed self, or towards it, by a factor; the outermost pixels stay."""
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13
    inner = (slice(1, -1), slice(1, -1))
    smooth = frame.copy()
    smooth[inner] = cv2.filter2D(frame, -1, kernel)[inner]
    sharp: Pixels = cv2.addWeighted(frame, factor, smooth, 1 - factor, TRUNCATE)
    return sharp


def _with_pillow(clip: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    return np.stack([np.asarray(change(Image.fromarray(frame))) for frame in clip])


def _turned(clip: Pixels) -> Pixels:
    """Exchange rows and columns."""
    return np.stack([cv2.transpose(frame) for frame in clip])


def shift_rows(clip: Pixels, shifts: NDArray[np.floating]) -> Pixels:
    """Move each row of a clip ``uint8 (T, H, W, 3)`` to the left by pixels of its own, as Pillow's bicubic does.

    Its kernel is that of Keys (1981) with a = -1, and beyond an edge the edge is repeated; what comes from more than
    half a pixel outside is `FILL`.

    Args:
        clip: The frames.
        shifts: Pixels ``float64 (H,)``, to the right where negative.
    """
    width = clip.shape[2]
    shifted = np.full_like(clip, FILL)
    padded = np.pad(clip, ((0, 0), (0, 0), (1, 1), (0, 0)), mode="edge")
    for row, shift in enumerate(shifts.tolist()):
        whole = math.floor(shift)
        part = shift - whole
        first, last = max(0, math.ceil(-shift - 0.5)), min(width, math.ceil(width - 0.5 - shift))
        if first < last:
            filtered = cv2.filter2D(
                padded[:, row], -1, _taps(part), anchor=(1, 0), delta=TRUNCATE, borderType=cv2.BORDER_REPLICATE
            )
            shifted[:, row, first:last] = filtered[:, first + whole + 1 : last + whole + 1]
    return shifted


def _taps(part: float) -> NDArray[np.float64]:
    """Return the weights of the four pixels around a place that is ``part`` of a pixel right of the second."""
    square, cube = part**2, part**3
    return np.array([[2 * square - part - cube, 1 - 2 * square + cube, part + square - cube, cube - square]])
