"""A close look at two clips: whether their pictures are the same but for encoding, size and a cropped border."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.overlap.laying import LARGE, MIDDLE, SMALL, Cut, correlation, fitted, stacks, unlike
from tta_bench.data.overlap.shots import SIDE, Grey, Shot, shots

BLOCK = 16
"""Side of the blocks that are compared one by one, so that another object shows."""
TEXTURED = 3.0
"""Deviation in grey levels from which a block shows something."""
SAME_BLOCK = 0.75
"""Correlation from which two blocks are the same."""
SAME_BLOCKS = 0.85
"""Share of the blocks that must be the same, so that the pictures are."""
SAME_PICTURES = 0.65
"""Share of the pictures that must be the same, all under one cut, so that the clips are."""
LOOKED_AT = 6
"""Pictures that are laid over each other."""
FEWEST_LOOKS = 2
"""Pictures that must show something."""
NEAR = 0.15
"""Seconds within which the fellow of a picture must be."""
AROUND = 0.5
"""Seconds around a shift that others are tried in: a copy that is cropped at one side of a moving picture looks most
like the middle of a picture that is a little earlier or later."""
STEP = 0.03
"""Seconds from one of them to the next."""
LIKELY = 2
"""Shifts that are looked at in full."""
OUTSIDE = 0.03
"""Share of a side by which a picture may stand over the other that it was cut from."""

SAME_WHOLE = 0.85
"""Correlation of the whole pictures from which they may be the same."""
CODING_NOISE = 5.0
"""Grey levels by which a coarse encoding may change a block."""
FEWEST_BLOCKS = 4
"""Blocks that show something, of a picture that is not bare."""
LATER = 0.3
"""Seconds over which motion is compared."""
MOVES = 3.0
"""Deviation of the change over that time, in grey levels, from which something moves."""
SAME_MOTION = 0.5
"""Correlation from which two changes are the same."""

MOST_GREYS = 9.0
"""Grey levels, root of the mean square, by which an encoding may change a blurred picture."""
MOST_UNLIKE = 0.003
"""One minus the correlation up to which pictures are the same whatever the grey levels: those of much contrast."""
OWN_CUT = 1.4
"""Times as unlike as under its own best cut that a picture may be under the one that fits all."""
OWN_PLACE = 0.5
"""Pixels of a picture of 128 up to which its own best cut is the one that fits all."""


def same_clip(a: Path, b: Path, shift: float, mirrored: bool = False) -> bool:
    """Return True if two clips show the same pictures, but for encoding, size and a cropped border.

    Args:
        a: The first.
        b: The second.
        shift: Seconds by which a picture of the first comes later than that of the second, about.
        mirrored: Mirror the second left to right.

    Raises:
        UnreadableVideo: One cannot be decoded.
    """
    turn = -1 if mirrored else 1
    second = [(time, np.ascontiguousarray(picture[:, ::turn])) for time, picture in shots(b, 0.09)]
    beyond = AROUND + LATER
    first = shots(a, 0.03, (shift - beyond, second[-1][0] + shift + beyond))
    return any(_is_same(placed) for placed in _placements(first, second, shift))


class _Look(NamedTuple):
    """A picture of the second clip, its fellow in the first, and both a little later."""

    fellow: Grey
    picture: Grey
    later: tuple[Grey, Grey] | None
    """The two clips' pictures of a little later; None at an end."""
    number: int
    """Number of the fellow."""


class _Placed(NamedTuple):
    """Pictures beside their fellows, and the cut that lays all of them over each other best."""

    unlike: float
    """Mean over the pictures of one minus their correlation."""
    cut: Cut
    looked: list[_Look]


def _placements(first: Sequence[Shot], second: Sequence[Shot], shift: float) -> Iterator[_Placed]:
    """Yield the likeliest shifts in time, each with the one cut that fits all pictures."""
    likely: list[_Placed] = []
    for looked in _nearby(first, second, shift):
        if (placed := _placed(looked, SMALL, MIDDLE, 2 * OUTSIDE)) is not None:
            likely.append(placed)
    for rough in sorted(likely, key=lambda placed: placed.unlike)[:LIKELY]:
        if (placed := _placed(rough.looked, LARGE, rough.cut, OUTSIDE)) is not None:
            yield placed


def _placed(looked: list[_Look], side: int, begin: Cut, outside: float) -> _Placed | None:
    """Return pictures with their cut, fitted in a size; None where there is none."""
    pairs = stacks([look.fellow for look in looked], [look.picture for look in looked], side)
    cut = fitted(pairs, begin)
    if cut is None or not cut.is_within(outside):
        return None
    return _Placed(float(unlike(pairs, cut).mean()), cut, looked)


def _nearby(first: Sequence[Shot], second: Sequence[Shot], shift: float) -> Iterator[list[_Look]]:
    """Yield pictures spread over the stretch that both clips show, each beside its fellow, at all shifts around one."""
    times, others = (np.array([time for time, _ in side]) for side in (first, second))
    shown = np.array([picture.std() >= TEXTURED for _, picture in second])
    seen = set[tuple[int, ...]]()
    for step in np.arange(-AROUND, AROUND + STEP / 2, STEP):
        beside = _beside(times, others, shown, shift + float(step))
        fellows = tuple(fellow for _, fellow in beside)
        if len(beside) >= FEWEST_LOOKS and fellows not in seen:
            yield [_look(first, second, times, others, *pair) for pair in beside]
        seen.add(fellows)


def _beside(
    times: NDArray[np.float64], others: NDArray[np.float64], shown: NDArray[np.bool_], shift: float
) -> list[tuple[int, int]]:
    """Return the numbers of pictures of the second clip, and of their fellows at one shift; flat ones are left out."""
    (inside,) = np.nonzero((times[0] - NEAR <= others + shift) & (others + shift <= times[-1] + NEAR))
    if not len(inside):
        return []
    spread = np.unique(np.linspace(0, len(inside) - 1, LOOKED_AT + 2)[1:-1].round().astype(int))
    places = inside[spread][shown[inside[spread]]]
    away = np.abs(times - others[places, None] - shift)
    fellows = away.argmin(axis=1)
    near = away.min(axis=1) <= NEAR
    return list(zip(places[near].tolist(), fellows[near].tolist(), strict=True))


def _look(
    first: Sequence[Shot],
    second: Sequence[Shot],
    times: NDArray[np.float64],
    others: NDArray[np.float64],
    place: int,
    fellow: int,
) -> _Look:
    """Return a picture beside its fellow, and both a little later."""
    later = int(np.abs(times - times[fellow] - LATER).argmin())
    then = int(np.abs(others - others[place] - LATER).argmin())
    moved = None if later == fellow or then == place else (first[later][1], second[then][1])
    return _Look(first[fellow][1], second[place][1], moved, fellow)


def _is_same(placed: _Placed) -> bool:
    """Return True if nearly all pictures are the same under the cut that fits all, and none has a better of its own."""
    same = [_same_picture(look, placed.cut) for look in placed.looked]
    return sum(same) >= SAME_PICTURES * len(same) and _fits_all(placed)


def _fits_all(placed: _Placed) -> bool:
    """Return True if the cut that fits all pictures together fits each as well as the best cut of its own.

    Two cameras that pass the same place look alike at each time by itself, but each time by another cut. Bare pictures
    look like many; each must tell its place by itself, and tell the same.
    """
    times, away, bare = [], [], []
    for look in placed.looked:
        pair = stacks([look.fellow], [look.picture], LARGE)
        own = fitted(pair, placed.cut)
        times.append(math.inf if own is None else unlike(pair, placed.cut)[0] / max(unlike(pair, own)[0], 1e-6))
        away.append(math.inf if own is None else placed.cut.away(own))
        bare.append((_blocks(_blurred(look.picture)).std(axis=1) >= TEXTURED).sum() < FEWEST_BLOCKS)
    return bool(np.median(away) <= OWN_PLACE or (np.median(times) <= OWN_CUT and np.mean(bare) < 0.5))


def _same_picture(look: _Look, cut: Cut) -> bool:
    """Return True if two pictures, one laid over the other, differ by no more than an encoding changes.

    Where something moves, it must move alike in both: a still camera shows the same place at another time, too.
    """
    inside = _inside(cut)
    laid = _warped(look.fellow, cut)
    if not _same_blocks(laid, look.picture, inside):
        return False
    apart = 1 - correlation(_blurred(laid)[inside], _blurred(look.picture)[inside])
    greys = float(look.picture[inside].std()) * math.sqrt(2 * max(apart, 0.0))
    if apart > MOST_UNLIKE and greys > MOST_GREYS:
        return False
    if look.later is None:
        return True
    then = _blurred(_warped(look.later[0], cut)) - _blurred(laid)
    now = _blurred(look.later[1]) - _blurred(look.picture)
    if max(then[inside].std(), now[inside].std()) < MOVES:
        return True
    return correlation(then[inside], now[inside]) >= SAME_MOTION


def _warped(picture: Grey, cut: Cut) -> Grey:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, cut.matrix(), (SIDE, SIDE), flags=flags), np.uint8)


def _inside(cut: Cut) -> NDArray[np.bool_]:
    """Return the places that the first picture covers where it is laid over the second, ``(128, 128)``."""
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(np.ones((SIDE, SIDE), np.uint8), cut.matrix(), (SIDE, SIDE), flags=flags), bool)


def _blurred(picture: Grey) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (7, 7), 0), np.float32)


def _same_blocks(laid: Grey, other: Grey, inside: NDArray[np.bool_]) -> bool:
    """Return True if the pictures agree as a whole, and so do nearly all blocks that show something."""
    smooth = _blurred(laid), _blurred(other)
    if inside.mean() < 0.3 or min(side[inside].std() for side in smooth) < TEXTURED:
        return False
    if correlation(smooth[0][inside], smooth[1][inside]) < SAME_WHOLE:
        return False
    one, two = (part - part.mean(axis=1, keepdims=True) for part in map(_blocks, smooth))
    deviations = one.std(axis=1), two.std(axis=1)
    shown = _blocks(inside).all(axis=1) & (np.maximum(*deviations) >= TEXTURED)
    alike = (one * two).mean(axis=1) / np.maximum(deviations[0] * deviations[1], 1e-6) >= SAME_BLOCK
    close = np.sqrt(((one - two) ** 2).mean(axis=1)) <= CODING_NOISE
    return not shown.any() or float((alike | close)[shown].mean()) >= SAME_BLOCKS


def _blocks(picture: NDArray[Any]) -> NDArray[np.float64]:
    """Return the blocks of a picture, ``(64, 256)``."""
    count = SIDE // BLOCK
    parts = picture.astype(float).reshape(count, BLOCK, count, BLOCK)
    return np.asarray(parts.swapaxes(1, 2).reshape(count**2, BLOCK**2))
