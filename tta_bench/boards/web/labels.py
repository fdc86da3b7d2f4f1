"""Places of the names in a picture of points: none covers another or a dot, and like points give like places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

HEIGHT = 13.0
"""Height of a line of text of 12 pixels."""
GAP = 8.0
"""Pixels between the middle of a dot and a name beside it."""
_RADIUS = 5.0
"""Radius of a dot, with a pixel round it."""
_STEP, _NEAR = 6.0, 6
"""Pixels from one height of a name to the next that is tried, and the number of steps that still are beside its dot."""
_COLUMN = 12.0
"""Pixels from one place to the next where a name finds none beside its dot."""
_CROSSED, _LEFTWARD = 15.0, 3.0
"""Pixels that a name is rather shifted by than crossed by an interval, or written to the left of its dot."""
_NARROW, _WIDE = frozenset("fijlrtI.,:;/|'!()[] "), frozenset("mwMW%@…")


class Box(NamedTuple):
    """A rectangle: a name, a dot, an interval, or the plane that names lie in; the second height is further down."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Return true if two rectangles share more than an edge."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: Box) -> bool:
        """Return true if another rectangle lies inside this one."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


def width_of(name: str) -> float:
    """Return the pixels that a name takes at most in a usual font without serifs, of 12 pixels."""
    return sum(5.0 if c in _NARROW else 12.0 if c in _WIDE else 8.0 if c.islower() or c in "_-" else 9.5 for c in name)


def dot_at(x: float, y: float) -> Box:
    """Return the rectangle of a dot."""
    return Box(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS)


def places(
    names: Sequence[str], dots: Sequence[tuple[float, float]], bars: Sequence[Box], plane: Box
) -> list[Box | None]:
    """Return the rectangle of each name, or None for one that finds no room.

    Beside its dot a name is shifted up or down, as little as may be; else it takes the nearest free place.

    Args:
        names: The names.
        dots: Across and down, the middle of each one's dot.
        bars: Intervals, which are better not crossed.
        plane: The rectangle that all lie in.
    """
    taken, found = [dot_at(x, y) for x, y in dots], list[Box | None]()
    for name, (x, y) in zip(names, dots, strict=True):
        width, place = width_of(name), None
        near = [one for one in _beside(x, y, width, plane) if _free(one[1], taken, plane)]
        if near:
            place = min(near, key=lambda one: one[0] + _CROSSED * sum(map(one[1].meets, bars)))[1]
        else:
            anywhere = sorted(_anywhere(width, plane), key=lambda box: (_distance(box, x, y), box))
            place = next((box for box in anywhere if _free(box, taken, plane)), None)
        found.append(place)
        taken += [] if place is None else [place]
    return found


def leader(place: Box, x: float, y: float) -> tuple[float, float] | None:
    """Return the end of the line from a dot to its name; None for a name that stands right beside it."""
    if _distance(place, x, y) <= GAP + 1:
        return None
    return min(max(x, place.left - 1), place.right + 1), min(max(y, (place.top + place.bottom) / 2), place.bottom)


def _beside(x: float, y: float, width: float, plane: Box) -> Iterator[tuple[float, Box]]:
    """Yield the shift and the rectangle of each place to the right and to the left of a dot."""
    for step in range(-_NEAR, _NEAR + 1):
        middle = min(max(y + step * _STEP, plane.top + HEIGHT / 2), plane.bottom - HEIGHT / 2)
        for left, more in ((x + GAP, 0.0), (x - GAP - width, _LEFTWARD)):
            yield abs(middle - y) + more, Box(left, middle - HEIGHT / 2, left + width, middle + HEIGHT / 2)


def _anywhere(width: float, plane: Box) -> Iterator[Box]:
    for row in range(int((plane.bottom - plane.top) / HEIGHT)):
        for column in range(int((plane.right - plane.left - width) / _COLUMN) + 1):
            left, top = plane.left + column * _COLUMN, plane.top + row * HEIGHT
            yield Box(left, top, left + width, top + HEIGHT)


def _free(box: Box, taken: Sequence[Box], plane: Box) -> bool:
    return plane.holds(box) and not any(map(box.meets, taken))


def _distance(box: Box, x: float, y: float) -> float:
    """Return the pixels between a point and the nearest edge of a rectangle."""
    return max(box.left - x, x - box.right, 0.0) + max(box.top - y, y - box.bottom, 0.0)
