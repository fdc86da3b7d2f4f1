"""Pictures laid over each other: the cut and the scale that fit all pictures of two clips at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.overlap.shots import SIDE, Grey

SMALL, LARGE = 32, 64
"""Sides of the pictures that a cut is fitted in, first and then."""
STEPS = 12
"""Steps of a fit, at most."""
NEAR_ENOUGH = 0.02
"""Pixels of a step after which a fit ends."""
SCALES = (0.75, 1.34)
"""Scales that a copy may have."""
START = 0.95
"""Scale that a fit begins with: a copy that is cropped by a tenth, or not."""
COVERED = 0.6
"""Share of a side that must be covered."""


class Cut(NamedTuple):
    """Place of a picture in the one that it was cut from, along both axes: ``scale * x + offset`` for pixel ``x``.

    A copy is cropped and scaled, and neither turned nor sheared; a picture of a moved camera mostly is.
    """

    scale: tuple[float, float]
    """Along x and y."""
    offset: tuple[float, float]
    """Pixels of a picture of side `SIDE`."""

    def matrix(self, side: int = SIDE) -> NDArray[np.float32]:
        """Return it as an affine map of pictures of a side, ``(2, 3)``."""
        (across, down), (left, top) = self.scale, self.in_pixels(side)
        return np.array([[across, 0, left], [0, down, top]], np.float32)

    def in_pixels(self, side: int) -> tuple[float, float]:
        """Return the offsets in pixels of pictures of another side: their middles, not their corners, are at 0."""
        left, top = (_moved(s, o, SIDE, side) for s, o in zip(self.scale, self.offset, strict=True))
        return left, top

    def is_within(self, outside: float) -> bool:
        """Return True if the one picture lies within the other: a moved camera's pictures stand over at a side.

        Args:
            outside: Share of a side by which it may stand over.
        """
        edge = outside * SIDE
        begins = [o + 0.5 * s - 0.5 for s, o in zip(self.scale, self.offset, strict=True)]
        ends = [begin + s * SIDE for begin, s in zip(begins, self.scale, strict=True)]
        inside = all(begin >= -edge for begin in begins) and all(end <= SIDE + edge for end in ends)
        around = all(begin <= edge for begin in begins) and all(end >= SIDE - edge for end in ends)
        return inside or around

    def away(self, other: Cut) -> float:
        """Return the pixels, of a picture of side `SIDE`, between the middles of this cut and another."""
        ends = zip(self.scale, self.offset, other.scale, other.offset, strict=True)
        return max(abs((o + SIDE / 2 * s) - (q + SIDE / 2 * r)) for s, o, r, q in ends)


WHOLE = Cut((1.0, 1.0), (0.0, 0.0))
"""Place of a copy that was not cropped."""
MIDDLE = Cut((START, START), ((SIDE - 1) * (1 - START) / 2,) * 2)
"""Place that a fit begins with."""


class Stacks(NamedTuple):
    """Pictures and their fellows, one beside the other, small and blurred: ``float (n, side, side)``."""

    fellows: NDArray[np.float32]
    pictures: NDArray[np.float32]


def stacks(fellows: Sequence[Grey], pictures: Sequence[Grey], side: int) -> Stacks:
    """Return pictures and their fellows in another size."""
    return Stacks(*(np.stack([_smaller(picture, side) for picture in pictures]) for pictures in (fellows, pictures)))


def fitted(pairs: Stacks, begin: Cut) -> Cut | None:
    """Return the cut of the fellows that all pictures resemble most, or None where a fit runs out of the picture.

    Gauss and Newton's method on the sum of squared differences over all pictures, brightness and contrast
    of each left free (Lucas and Kanade 1981).

    Args:
        pairs: Pictures and fellows.
        begin: The cut to begin with.
    """
    side = pairs.pictures.shape[1]
    (across, down), (left, top) = begin.scale, begin.in_pixels(side)
    places = np.arange(side, dtype=np.float32)
    for _ in range(STEPS):
        rows, columns = (_covered(s * places + o, side) for s, o in ((down, top), (across, left)))
        if min(rows.stop - rows.start, columns.stop - columns.start) < COVERED * side:
            return None
        matrix = np.array([[across, 0, left], [0, down, top]], np.float32)
        laid = np.stack([_laid(fellow, matrix) for fellow in pairs.fellows])
        slopes = np.asarray(np.gradient(laid, axis=(1, 2)))
        one, other = laid[:, rows, columns], pairs.pictures[:, rows, columns]
        one, other = (part - part.mean(axis=(1, 2), keepdims=True) for part in (one, other))
        gain = (one * other).sum(axis=(1, 2), keepdims=True) / np.maximum(
            (one**2).sum(axis=(1, 2), keepdims=True), 1e-3
        )
        spread = np.maximum(other.std(axis=(1, 2), keepdims=True), 1)
        left_over = ((other - gain * one) / spread).ravel()
        sloping_down, sloping = (gain / spread * slope[:, rows, columns] for slope in slopes)
        sloping, sloping_down = sloping / across, sloping_down / down
        changes = (
            sloping * places[columns],
            sloping,
            sloping_down * places[rows][:, None],
            sloping_down,
        )
        design = np.stack([change.ravel() for change in changes])
        step = np.linalg.solve(design @ design.T + 1e-6 * np.eye(4), design @ left_over)
        across, left, down, top = np.array([across, left, down, top]) + step
        if not all(SCALES[0] < scale < SCALES[1] for scale in (across, down)):
            return None
        if np.abs(step * [side, 1, side, 1]).max() < NEAR_ENOUGH:
            break
    back = _moved(across, left, side, SIDE), _moved(down, top, side, SIDE)
    return Cut((float(across), float(down)), (float(back[0]), float(back[1])))


def unlike(pairs: Stacks, cut: Cut) -> NDArray[np.float64]:
    """Return one minus the correlation of each picture and its fellow, laid over each other, ``(n,)``."""
    side = pairs.pictures.shape[1]
    covered = _laid(np.ones((side, side), np.float32), cut.matrix(side), edge=cv2.BORDER_CONSTANT) > 0.999
    laid = [_laid(fellow, cut.matrix(side))[covered] for fellow in pairs.fellows]
    return np.array([1 - correlation(one, two[covered]) for one, two in zip(laid, pairs.pictures, strict=True)])


def correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the correlation of two pictures' values; 0 where one of them shows nothing."""
    one, other = one - one.mean(), other - other.mean()
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / size if size > 0 else 0.0


def _laid(
    picture: NDArray[np.float32], matrix: NDArray[np.float32], edge: int = cv2.BORDER_REPLICATE
) -> NDArray[np.float32]:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape[::-1], flags=flags, borderMode=edge), np.float32)


def _covered(places: NDArray[np.float32], side: int) -> slice:
    """Return the pixels whose places, which grow, lie within a picture."""
    begin, end = np.searchsorted(places, [0, side - 1 + 1e-4])
    return slice(int(begin), int(end))


def _moved(scale: float, offset: float, of: int, side: int) -> float:
    """Return an offset in pixels of pictures of another side."""
    return (offset + 0.5 - 0.5 * scale) * side / of - 0.5 + 0.5 * scale


def _smaller(picture: Grey, side: int) -> NDArray[np.float32]:
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(small, (3, 3), 0), np.float32)
