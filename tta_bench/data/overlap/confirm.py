"""A close look at two clips: whether their pictures are the same but for encoding, size and a cropped border."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import decoded
from tta_bench.data.media.frame_folders import frame_files
from tta_bench.data.overlap.traces import USUAL_RATE, frame_seconds

SIDE = 128
"""Height and width in which pictures are laid over each other."""
BLOCK = 16
"""Side of the blocks that are compared one by one, so that another object shows."""
TEXTURED = 3.0
"""Deviation in grey levels from which a block shows something."""
SAME_BLOCK = 0.75
"""Correlation from which two blocks are the same."""
SAME_BLOCKS = 0.85
"""Share of the blocks that must be the same, so that the pictures are."""
SAME_PICTURES = 0.75
"""Share of the pictures that must be the same, all under one warp, so that the clips are."""
LOOKED_AT = 6
"""Pictures that are laid over each other."""
NEAR = 0.15
"""Seconds within which the fellow of a picture is looked for."""
OUTSIDE = 0.03
"""Share of a side by which a picture may stand over the other that it was cut from."""

SAME_WHOLE = 0.85
"""Correlation of the whole pictures from which they may be the same."""
CODING_NOISE = 5.0
"""Grey levels by which a coarse encoding may change a block."""
FEWEST_BLOCKS = 4
"""Blocks that must show something."""
LATER = 0.3
"""Seconds over which motion is compared."""
MOVES = 3.0
"""Deviation of the change over that time, in grey levels, from which something moves."""
SAME_MOTION = 0.5
"""Correlation from which two changes are the same."""

MOST_UNLIKE = 0.02
"""One minus the correlation of two blurred pictures up to which they differ by no more than their encoding."""
MOST_GREYS = 3.0
"""Grey levels, root of the mean square, by which an encoding may change a blurred picture that shows little."""
STEADY = 1.8
"""Times the least difference of a clip's pictures that the others may have."""
FINEST = 0.5
"""Grey levels below which differences count as equal."""

Grey = NDArray[np.uint8]
Warp = NDArray[np.float32]
Shot = tuple[float, Grey]
"""Time and picture."""
WHOLE: Warp = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
"""The warp of a copy that was not cropped."""


def same_clip(a: Path, b: Path, shift: float, mirrored: bool = False) -> bool:
    """Return True if two clips show the same pictures, but for encoding, size and a cropped border.

    Args:
        a: The first.
        b: The second.
        shift: Seconds by which a picture of the first comes later than that of the second.
        mirrored: Mirror the second left to right.

    Raises:
        UnreadableVideo: One cannot be decoded.
    """
    first, second = _greys(a), _greys(b)
    begin, end = first[0][0] - shift, first[-1][0] - shift
    inside = [entry for entry in second if begin - NEAR <= entry[0] <= end + NEAR]
    if not inside:
        return False
    places = np.unique(np.linspace(0, len(inside) - 1, LOOKED_AT + 2)[1:-1].round().astype(int))
    looked: list[_Look] = []
    for number, place in enumerate(places, 1):
        if (found := _look(first, inside, int(place), shift, mirrored)) is not None:
            looked.append(found)
        if number == LOOKED_AT // 2 and not any(_share([one], warp) for one in looked for warp in _warps([one])):
            return False  # nearly all candidates end here
    warps = _warps(looked)
    return bool(looked) and max(_share(looked, warp) for warp in warps) >= SAME_PICTURES


class _Look(NamedTuple):
    """A picture of the second clip, its fellow in the first, and both a little later."""

    fellow: Grey
    picture: Grey
    later: tuple[Grey, Grey] | None
    """The two clips' pictures of a little later; None at an end."""
    own: Warp | None
    """The warp that lays this fellow over this picture best; None where there is none."""


def laid_over(a: Grey, b: Grey) -> Warp | None:
    """Return the warp that lays one picture over the other, if one is the other or was cut from it; else None.

    Args:
        a: ``uint8 (128, 128)``.
        b: ``uint8 (128, 128)``.
    """
    halves = [np.asarray(cv2.resize(side, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)) for side in (b, a)]
    for scale in (1.0, 0.9, 1.1):
        warp = np.array([[scale, 0, SIDE * (1 - scale) / 4], [0, scale, SIDE * (1 - scale) / 4]], np.float32)
        try:
            _, coarse = cv2.findTransformECC(halves[0], halves[1], warp, cv2.MOTION_AFFINE, _stop(40), None, 3)
            warp = np.asarray(coarse, np.float32) * np.array([1, 1, 2], np.float32)
            if not _is_cut(warp, 2 * OUTSIDE):
                continue
            _, found = cv2.findTransformECC(b, a, warp, cv2.MOTION_AFFINE, _stop(20), None, 5)
        except cv2.error:  # it does not converge: these pictures have nothing in common, or nothing at all
            continue
        laid = np.asarray(found, np.float32)
        if _is_cut(laid, OUTSIDE) and _same_blocks(_warped(a, laid), b, _inside(laid)):
            return laid
    return None


def _stop(steps: int) -> tuple[int, int, float]:
    return cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, steps, 1e-4


def _look(first: Sequence[Shot], second: Sequence[Shot], place: int, shift: float, mirrored: bool) -> _Look | None:
    """Return a picture of the second clip beside its fellow, about where it should be; None where it shows nothing."""
    time, picture = second[place]
    near = [number for number, (at, _) in enumerate(first) if abs(at - time - shift) <= NEAR]
    if not near or picture.std() < TEXTURED:
        return None
    turn = -1 if mirrored else 1
    picture = np.ascontiguousarray(picture[:, ::turn])
    fellow = min(near, key=lambda number: float(np.abs(_coarse(first[number][1]) - _coarse(picture)).mean()))
    later = [
        min(range(len(side)), key=lambda k: abs(side[k][0] - at - LATER))
        for side, at in ((first, first[fellow][0]), (second, time))
    ]
    then = None
    if later[0] != fellow and later[1] != place:
        then = first[later[0]][1], np.ascontiguousarray(second[later[1]][1][:, ::turn])
    return _Look(first[fellow][1], picture, then, laid_over(first[fellow][1], picture))


def _warps(looked: Sequence[_Look]) -> list[Warp]:
    """Return the warps that may lay all pictures over their fellows."""
    return [WHOLE, *(one.own for one in looked if one.own is not None)]


def _share(looked: Sequence[_Look], warp: Warp) -> float:
    """Return the share of pictures that one warp lays over each other about equally well.

    Two cameras that pass the same place look alike at each time by itself, but each time by another warp: under any one
    of them the differences grow from picture to picture, while those of an encoding stay the same.
    """
    left = np.array([_difference(look, warp) for look in looked])
    return float((left <= STEADY * left.min()).mean()) if np.isfinite(left).any() else 0.0


def _difference(look: _Look, warp: Warp) -> float:
    """Return the grey levels by which two pictures differ, one laid over the other; infinite if they are not the same.

    Where something moves, it must move alike in
    both: a still camera shows the same place at another time, too.
    """
    inside = _inside(warp)
    laid = _warped(look.fellow, warp)
    if not _same_blocks(laid, look.picture, inside):
        return math.inf
    unlike = _unlike(laid, look.picture, inside)
    greys = float(look.picture[inside].std()) * math.sqrt(2 * max(unlike, 0.0))
    if unlike > MOST_UNLIKE and greys > MOST_GREYS:
        return math.inf
    if look.later is None:
        return max(greys, FINEST)
    then = _blurred(_warped(look.later[0], warp)) - _blurred(laid)
    now = _blurred(look.later[1]) - _blurred(look.picture)
    if max(then[inside].std(), now[inside].std()) < MOVES:
        return max(greys, FINEST)
    alike = float(np.corrcoef(then[inside], now[inside])[0, 1])
    return max(greys, FINEST) if alike >= SAME_MOTION else math.inf


def _unlike(laid: Grey, other: Grey, inside: NDArray[np.bool_]) -> float:
    """Return one minus the correlation of two pictures where they lie over each other."""
    return 1 - float(np.corrcoef(_blurred(laid)[inside], _blurred(other)[inside])[0, 1])


def _warped(picture: Grey, warp: Warp) -> Grey:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, warp, (SIDE, SIDE), flags=flags), np.uint8)


def _inside(warp: Warp) -> NDArray[np.bool_]:
    """Return the places that the first picture covers where it is laid over the second, ``(128, 128)``."""
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(np.ones((SIDE, SIDE), np.uint8), warp, (SIDE, SIDE), flags=flags), bool)


def _blurred(picture: Grey) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (7, 7), 0), np.float32)


def _coarse(grey: Grey) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(grey, (SIDE // 4, SIDE // 4), interpolation=cv2.INTER_AREA), np.float32)


def _is_cut(warp: NDArray[np.float32], outside: float) -> bool:
    """Return True if the one picture lies within the other: a moved camera's pictures stand over at a side."""
    square = np.array([[0, 0, 1], [SIDE, 0, 1], [0, SIDE, 1], [SIDE, SIDE, 1]], np.float32)
    back = cv2.invertAffineTransform(warp)
    edge = outside * SIDE
    inside = [bool(((p >= -edge) & (p <= SIDE + edge)).all()) for p in (square @ warp.T, square @ back.T)]
    return any(inside) and 0.6 < float(np.linalg.det(warp[:, :2])) < 1.7


def _same_blocks(laid: Grey, other: Grey, inside: NDArray[np.bool_]) -> bool:
    """Return True if the pictures agree as a whole, and so do nearly all blocks that show something."""
    count = SIDE // BLOCK

    def blocks(picture: NDArray[Any]) -> NDArray[np.float64]:
        parts = picture.astype(float).reshape(count, BLOCK, count, BLOCK)
        return np.asarray(parts.swapaxes(1, 2).reshape(count**2, BLOCK**2))

    smooth = _blurred(laid), _blurred(other)
    if inside.mean() < 0.3 or min(side[inside].std() for side in smooth) < TEXTURED:
        return False
    if float(np.corrcoef(smooth[0][inside], smooth[1][inside])[0, 1]) < SAME_WHOLE:
        return False
    one, two = (part - part.mean(axis=1, keepdims=True) for part in map(blocks, smooth))
    deviations = one.std(axis=1), two.std(axis=1)
    shown = blocks(inside).all(axis=1) & (np.maximum(*deviations) >= TEXTURED)
    if shown.sum() < FEWEST_BLOCKS:
        return False
    alike = (one * two).mean(axis=1) / np.maximum(deviations[0] * deviations[1], 1e-6) >= SAME_BLOCK
    close = np.sqrt(((one - two) ** 2).mean(axis=1)) <= CODING_NOISE
    return float((alike | close)[shown].mean()) >= SAME_BLOCKS


def _greys(path: Path) -> list[tuple[float, Grey]]:
    """Return time and grey picture, ``uint8 (128, 128)``, of about ten frames a second."""
    greys: list[tuple[float, Grey]] = []
    if path.is_dir():
        for index, file in enumerate(frame_files(path)):
            picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
            if picture is not None and index % 3 == 0:
                greys.append((index / USUAL_RATE, _square(np.asarray(picture, np.uint8))))
    else:
        begin = 0.0
        for index, frame in enumerate(decoded(path)):
            seconds = frame_seconds(frame, index)
            begin = seconds if index == 0 else begin
            if not greys or seconds - begin - greys[-1][0] >= 0.09:
                grey = np.asarray(frame.reformat(format="gray").to_ndarray(), np.uint8)
                greys.append((seconds - begin, _square(np.rot90(grey, round(frame.rotation / 90)))))
    if not greys:
        raise UnreadableVideo(path, "no pictures")
    return greys


def _square(grey: Grey) -> Grey:
    return np.asarray(cv2.resize(np.ascontiguousarray(grey), (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
