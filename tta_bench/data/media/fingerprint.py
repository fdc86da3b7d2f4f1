"""Fingerprints of videos: what their pictures look like, whatever codec, bit rate or size they are stored in.

A fingerprint is the perceptual hash of 8 frames, at the middles of eight equal parts of the video, 64 bits each: the
signs of the lowest frequencies of a 32 x 32 luma picture, but its mean (OpenCV's `img_hash.pHash`, after Zauner 2010).
Two fingerprints are compared by the number of bits in which they differ (Hamming distance), of 512.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.errors import UserError

FRAMES = 8
SIDE = 32
"""Height and width of the luma pictures that are hashed."""

BITS = 64 * FRAMES
SAME = 80
"""Largest distance of two fingerprints of the same pictures; unrelated ones are about 256 apart."""

KEPT = 512
"""Largest number of pictures of one video that are held at once."""

FLAT = 1.0
"""Deviation in grey levels below which a picture shows nothing: its hash would be that of noise."""

PLANAR = frozenset(
    ("yuv410p", "yuv411p", "yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12", "gray")
)
"""Pixel formats whose first plane is luma of 8 bits."""


class Thumbnails:
    """Small luma pictures of a video whose length is not known yet: every frame's, or an even part of a long one's."""

    def __init__(self) -> None:
        self._kept: list[NDArray[np.uint8]] = []
        self._every = 1
        self.frames = 0

    def add(self, make: Callable[[], NDArray[np.uint8]]) -> None:
        """Count a frame, and make and keep its picture, ``uint8 (32, 32)``, where it is one of those to be kept."""
        if self.frames % self._every == 0:
            if len(self._kept) == KEPT:
                self._kept = self._kept[::2]
                self._every *= 2
            if self.frames % self._every == 0:
                self._kept.append(make())
        self.frames += 1

    def spread(self) -> list[NDArray[np.uint8]]:
        """Return 8 pictures: those nearest to the middles of eight equal parts of the frames; none without frames."""
        if not self.frames:
            return []
        middles = [(2 * part + 1) * self.frames / (2 * FRAMES) - 0.5 for part in range(FRAMES)]
        return [self._kept[min(round(middle / self._every), len(self._kept) - 1)] for middle in middles]


def fingerprint(pictures: Sequence[NDArray[np.uint8]]) -> str:
    """Return the hash of luma pictures, ``uint8 (H, W)``, in hex: 16 digits for each; a flat one has 0."""
    return "".join(bytes(_hash(picture)).hex() for picture in pictures)


def distance(one: str, other: str) -> int:
    """Return the number of differing bits of two fingerprints.

    Raises:
        ValueError: They are of different lengths.
    """
    if len(one) != len(other):
        raise ValueError(f"fingerprints of {4 * len(one)} and {4 * len(other)} bits cannot be compared")
    return (int(one or "0", 16) ^ int(other or "0", 16)).bit_count()


def same_pictures(one: str, other: str) -> bool:
    """Return True if two fingerprints are of the same pictures; False where one is missing."""
    return bool(one and other) and len(one) == len(other) and distance(one, other) <= SAME


def shrink(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a luma picture, ``uint8 (H, W)``, in 32 x 32 pixels; it is halved first, which is ten times as fast."""
    while min(luma.shape) >= 4 * SIDE:
        height, width = (side // 2 for side in luma.shape)
        halves = luma[: 2 * height, : 2 * width]
        luma = np.asarray(cv2.resize(halves, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(luma, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def small_luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return a decoded frame's luma plane in 32 x 32 pixels, upright."""
    plane = frame.planes[0]
    if frame.format.name in PLANAR and plane.line_size > 0:
        buffer: Any = plane
        luma = np.frombuffer(buffer, np.uint8)[: plane.line_size * frame.height]
        luma = luma.reshape(frame.height, plane.line_size)[:, : frame.width]
    else:
        luma = np.asarray(frame.reformat(format="gray").to_ndarray(), np.uint8)
    return np.asarray(np.rot90(shrink(luma), round(frame.rotation / 90)), np.uint8)


def _hash(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the 8 bytes of one picture's hash.

    Raises:
        UserError: OpenCV has no hash.
    """
    if picture.std() < FLAT:
        return np.zeros(8, np.uint8)
    small = picture if picture.shape == (SIDE, SIDE) else shrink(picture)
    if not hasattr(cv2, "img_hash"):  # another package may have put its own OpenCV in the place of ours
        raise UserError(
            "this OpenCV lacks the contributed modules, one of which hashes pictures.",
            "pip install --force-reinstall opencv-contrib-python",
        )
    return np.asarray(cv2.img_hash.pHash(np.ascontiguousarray(small)), np.uint8).reshape(-1)
