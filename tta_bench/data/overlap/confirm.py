"""A close look at two clips: whether their pictures are the same but for encoding, size and a cropped border."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
SAME_PICTURES = 0.6
"""Share of the pictures that must be the same, so that the clips are."""
LOOKED_AT = 6
"""Pictures that are laid over each other."""
NEAR = 0.15
"""Seconds within which the fellow of a picture is looked for."""
OUTSIDE = 0.03
"""Share of a side by which a picture may stand over the other that it was cut from."""

Grey = NDArray[np.uint8]


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
    looked = [_same_at(first, *inside[place], shift, mirrored) for place in places]
    told = [same for same in looked if same is not None]
    return bool(told) and float(np.mean(told)) >= SAME_PICTURES


def same_picture(a: Grey, b: Grey) -> bool | None:
    """Return True if one picture is the other, or was cut from it; None where they show nothing.

    Args:
        a: ``uint8 (128, 128)``.
        b: ``uint8 (128, 128)``.
    """
    best: bool | None = None
    for scale in (1.0, 0.9, 1.1):
        warp = np.array([[scale, 0, SIDE * (1 - scale) / 2], [0, scale, SIDE * (1 - scale) / 2]], np.float32)
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
        try:
            _, warp = cv2.findTransformECC(b, a, warp, cv2.MOTION_AFFINE, criteria, None, 5)
        except cv2.error:  # it does not converge: these pictures have nothing in common, or nothing at all
            continue
        if not _is_cut(warp):
            best = best or False
            continue
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        laid = cv2.warpAffine(a, warp, (SIDE, SIDE), flags=flags)
        inside = cv2.warpAffine(np.ones_like(a), warp, (SIDE, SIDE), flags=flags | cv2.INTER_NEAREST)
        same = _same_blocks(np.asarray(laid), b, np.asarray(inside, bool))
        if same:
            return True
        best = same if best is None else best
    return best


def _same_at(
    first: Sequence[tuple[float, Grey]], time: float, picture: Grey, shift: float, mirrored: bool
) -> bool | None:
    """Return True if a picture of the second clip has its fellow in the first, about where it should be."""
    picture = np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture
    near = [grey for at, grey in first if abs(at - time - shift) <= NEAR]
    if not near:
        return None
    if picture.std() < TEXTURED:
        return None
    fellow = min(near, key=lambda grey: float(np.abs(_coarse(grey) - _coarse(picture)).mean()))
    same = same_picture(fellow, picture)
    return False if same is None else same


def _coarse(grey: Grey) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(grey, (SIDE // 4, SIDE // 4), interpolation=cv2.INTER_AREA), np.float32)


def _is_cut(warp: NDArray[np.float32]) -> bool:
    """Return True if the one picture lies within the other: a moved camera's pictures stand over at a side."""
    square = np.array([[0, 0, 1], [SIDE, 0, 1], [0, SIDE, 1], [SIDE, SIDE, 1]], np.float32)
    back = cv2.invertAffineTransform(warp)
    edge = OUTSIDE * SIDE
    inside = [bool(((p >= -edge) & (p <= SIDE + edge)).all()) for p in (square @ warp.T, square @ back.T)]
    return any(inside) and 0.6 < float(np.linalg.det(warp[:, :2])) < 1.7


def _same_blocks(laid: Grey, other: Grey, inside: NDArray[np.bool_]) -> bool | None:
    """Return True if nearly all blocks that show something are the same; None where none does."""
    count = SIDE // BLOCK

    def blocks(picture: NDArray[np.float64]) -> NDArray[np.float64]:
        return picture.reshape(count, BLOCK, count, BLOCK).swapaxes(1, 2).reshape(count**2, BLOCK**2)

    one, two = (blocks(cv2.GaussianBlur(picture, (5, 5), 0).astype(float)) for picture in (laid, other))
    full = blocks(inside.astype(float)).all(axis=1)
    one, two = one - one.mean(axis=1, keepdims=True), two - two.mean(axis=1, keepdims=True)
    deviations = one.std(axis=1), two.std(axis=1)
    shown = full & (np.maximum(*deviations) >= TEXTURED)
    if shown.sum() < 4:
        return None
    product = (one * two).mean(axis=1) / np.maximum(deviations[0] * deviations[1], 1e-6)
    return float((product[shown] >= SAME_BLOCK).mean()) >= SAME_BLOCKS


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
