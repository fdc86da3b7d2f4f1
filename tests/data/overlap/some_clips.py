"""Clips of windows that move over pictures, copies of them, and clips that look like copies and are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.encode import Encoding, write_video

RATE = 12
FINE = Encoding("avi", {"mpeg4": {"qmin": "3", "qmax": "3", "g": "12"}}, bitexact=True)
COARSE = Encoding("mp4", {"mpeg4": {"qmin": "11", "qmax": "11", "g": "30"}}, bitexact=True)
Picture = NDArray[np.uint8]


class Path4(NamedTuple):
    """The way of a window over a picture: its middle at the begin, its steps a second, and its height."""

    picture: Picture
    middle: tuple[float, float]
    step: tuple[float, float]
    height: float
    wobble: float = 0.0

    def at(self, seconds: float, size: tuple[int, int] = (160, 120)) -> Picture:
        """Return the window at a time, ``uint8 (height, width, 3)``; beyond the picture it is reflected."""
        width, height = size
        scale = self.height / height
        x, y = (m + s * seconds for m, s in zip(self.middle, self.step, strict=True))
        x += self.wobble * np.sin(2.1 * seconds)
        warp = np.array([[scale, 0, x - scale * width / 2], [0, scale, y - scale * height / 2]], np.float32)
        flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(self.picture, warp, size, flags=flags, borderMode=cv2.BORDER_REFLECT), np.uint8
        )


def some_path(pictures: list[Picture], draw: np.random.Generator) -> Path4:
    """Return a window's way over one of some pictures."""
    picture = pictures[draw.integers(len(pictures))]
    height, width = picture.shape[:2]
    angle, speed = draw.uniform(0, 2 * np.pi), draw.uniform(0.03, 0.12) * min(height, width)
    middle = draw.uniform(0.25, 0.75) * width, draw.uniform(0.25, 0.75) * height
    step = speed * np.cos(angle), speed * np.sin(angle)
    return Path4(picture, middle, step, draw.uniform(0.25, 0.5) * height, draw.uniform(0, 0.06) * height)


def frames(path: Path4, begin: float, seconds: float, rate: float = RATE) -> Iterator[Picture]:
    """Yield the frames of a window."""
    for number in range(round(seconds * rate)):
        yield path.at(begin + number / rate)


def copied(picture: Picture, draw_at: tuple[float, float], share: float, width: int, mirror: bool = False) -> Picture:
    """Return a frame that is cropped to a share of its sides, from somewhere, scaled, and perhaps mirrored."""
    height, across = picture.shape[:2]
    top, left = (round(place * (1 - share) * side) for place, side in zip(draw_at, (height, across), strict=True))
    part = picture[top : top + round(share * height), left : left + round(share * across)]
    part = part[:, ::-1] if mirror else part
    return np.asarray(cv2.resize(part, (width, width * 3 // 4 // 2 * 2), interpolation=cv2.INTER_AREA), np.uint8)


def with_object(path: Path4, other: Picture) -> Callable[[float], Picture]:
    """Return a window with another object in its middle."""
    patch = cv2.resize(other, (80, 60), interpolation=cv2.INTER_AREA)

    def at(seconds: float) -> Picture:
        frame = path.at(seconds).copy()
        frame[30:90, 40:120] = patch
        return frame

    return at


def title(words: str, seconds: float) -> Iterator[Picture]:
    """Yield the frames of a title, white on black."""
    frame = np.zeros((120, 160, 3), np.uint8)
    for line, text in enumerate(words.split("\n")):
        cv2.putText(frame, text, (8, 40 + 26 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    yield from [frame] * round(seconds * RATE)


def write(file: Path, made: Iterator[Picture], encoding: Encoding = FINE) -> Path:
    """Write a clip and return its file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_video(file, made, RATE, encoding)
    return file
