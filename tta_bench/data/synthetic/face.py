"""A face drawn with a few lines, whose mouth, brows, eyes and movement follow five numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SCALE = 16
"""Drawing happens on sixteenths of a pixel (OpenCV's ``shift`` of 4), so that slow movement is smooth."""


@dataclass(frozen=True, slots=True)
class Look:
    """Looks of a person, the same in all clips: colours (RGB, 0 to 255) and proportions about 1."""

    skin: tuple[float, ...]
    hair: tuple[float, ...]
    behind: tuple[float, ...]
    width: float
    height: float

    @classmethod
    def of(cls, draw: np.random.Generator) -> Look:
        """Return a person's look."""
        skin = np.array([235.0, 190.0, 160.0]) * draw.uniform(0.55, 1.0)
        return cls(
            tuple(skin),
            tuple(draw.uniform(15, 90, 3)),
            tuple(draw.uniform(60, 190, 3)),
            draw.uniform(0.9, 1.1),
            draw.uniform(0.92, 1.08),
        )


class Expression(NamedTuple):
    """Visible signs, each from 0 to 1."""

    smile: float
    """Curve of the mouth: 0 bent down, 1 bent up."""
    mouth: float
    """Opening of the mouth."""
    brows: float
    """Angle of the brows: 0 inner ends up, 1 inner ends down."""
    motion: float
    """Extent of the head's movement."""
    eyes: float
    """Opening of the eyes."""


def draw_face(look: Look, peak: Expression, frames: int, size: int, draw: np.random.Generator) -> NDArray[np.uint8]:
    """Return a clip, ``uint8 (frames, size, size, 3)`` RGB, in which an expression builds up and fades.

    Args:
        look: The person.
        peak: The expression at its strongest, three fifths through the clip; the head moves throughout.
        frames: Number of frames.
        size: Height and width in pixels.
        draw: Draws the head's position and sway, and the camera's noise.
    """
    time = np.linspace(0, 1, frames)
    strength = 0.35 + 0.65 * np.exp(-(((time - 0.6) / 0.3) ** 2))
    position, phase = draw.uniform(-0.02, 0.02, 2), draw.uniform(0, 2 * np.pi, 2)
    sway = 0.09 * peak.motion * np.sin(2 * np.pi * np.outer(time, (2.0, 3.0)) + phase)
    rest = np.array([0.5, 0.0, 0.5, 0.0, 0.4])
    pictures = [
        _picture(look, Expression(*(rest + amount * (np.array(peak) - rest))), position + shift, size)
        for amount, shift in zip(strength, sway, strict=True)
    ]
    noise = draw.normal(0, 3, (frames, size, size, 1))
    return np.asarray(np.rint(np.stack(pictures) + noise).clip(0, 255), np.uint8)


def _picture(look: Look, now: Expression, shift: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Return one picture, ``uint8 (size, size, 3)``, of the face moved by a part of the picture's size."""
    picture = np.full((size, size, 3), look.behind, np.uint8)
    middle = np.array([0.5, 0.52]) + shift
    across, down = 0.3 * look.width, 0.38 * look.height
    dark, white, red = (30.0, 20.0, 20.0), (245.0, 245.0, 245.0), (120.0, 20.0, 30.0)

    def points(*pairs: tuple[float, float]) -> NDArray[np.int32]:
        where = (middle + np.array(pairs) * (across, down)) * size * SCALE
        return np.rint(where).astype(np.int32)

    def oval(x: float, y: float, half_width: float, half_height: float, colour: tuple[float, ...]) -> None:
        angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        ring = zip(x + half_width * np.cos(angle), y + half_height * np.sin(angle), strict=True)
        cv2.fillPoly(picture, [points(*ring)], colour, cv2.LINE_AA, 4)

    oval(0, -0.18, 1.1, 1.05, look.hair)
    oval(0, 0, 1, 1, look.skin)
    thick = max(1, round(size / 32))
    for side in (-1, 1):
        oval(0.4 * side, -0.2, 0.2, 0.03 + 0.15 * now.eyes, white)
        oval(0.4 * side, -0.2, 0.08, min(0.08, 0.03 + 0.15 * now.eyes), dark)
        tilt = 0.16 * (2 * now.brows - 1)
        brow = points((0.16 * side, -0.5 + tilt), (0.62 * side, -0.5 - tilt))
        cv2.polylines(picture, [brow], False, look.hair, thick, cv2.LINE_AA, 4)
    x = np.linspace(-1, 1, 17)
    bend, gap = 0.22 * (2 * now.smile - 1) * (0.5 - x**2), (0.015 + 0.2 * now.mouth) * (1 - x**2)
    lips = [*zip(0.5 * x, 0.48 + bend - gap, strict=True), *zip(0.5 * x[::-1], 0.48 + bend + gap, strict=True)]
    cv2.fillPoly(picture, [points(*lips)], red, cv2.LINE_AA, 4)
    cv2.polylines(picture, [points(*lips)], True, dark, thick, cv2.LINE_AA, 4)
    return picture
