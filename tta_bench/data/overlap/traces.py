"""Traces of videos: descriptors of their pictures over time, for a search of near-duplicates.

A picture is described by the lowest frequencies of its 32 x 32 luma thumbnail, as the perceptual hash of
`data.media.fingerprint` is, but by their values and not by their signs alone, which a cropped border turns too easily.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import decoded
from tta_bench.data.media.fingerprint import FLAT, SIDE, shrink, small_luma
from tta_bench.data.media.frame_folders import frame_files
from tta_bench.utils.progress import Bar

RATE = 4
"""Pictures of a second."""
USUAL_RATE = 25.0
"""Frames of a second where a file does not say."""
MOST_PICTURES = 4 * 60 * RATE
"""Pictures of a trace: of a longer video the first minutes are searched."""
CROPS = (1.0, 0.92, 0.84)
"""Shares of height and width that are described: all of a picture, and its middle."""
LOWEST = 8
"""Frequencies of each direction."""
VALUES = LOWEST**2 - 1
"""Values of a descriptor: all frequencies but the mean."""


class Trace(NamedTuple):
    """Descriptors of one video's pictures."""

    times: NDArray[np.float32]
    """``(F,)`` seconds from its beginning; flat pictures, which show nothing, are left out."""
    described: NDArray[np.float16]
    """``(F, crops, values)``, each of length 1."""


def trace(path: Path) -> Trace:
    """Return the trace of a video or of a folder of images.

    Raises:
        UnreadableVideo: It cannot be decoded.
    """
    times, rows = [], []
    for time, picture in _pictures(path):
        if picture.std() >= FLAT:
            times.append(time)
            rows.append(describe(picture))
        if len(times) == MOST_PICTURES:
            break
    described = np.stack(rows) if rows else np.zeros((0, len(CROPS), VALUES), np.float16)
    return Trace(np.array(times, np.float32), described)


def traces(paths: dict[str, Path], workers: int) -> tuple[dict[str, Trace], dict[str, str]]:
    """Return the trace of each video by its name, and the reason of each that cannot be decoded.

    Args:
        paths: Files by name.
        workers: Threads; decoding and scaling leave Python's lock.
    """

    def one(path: Path) -> Trace | str:
        try:
            return trace(path)
        except (UnreadableVideo, OSError) as error:
            return str(error)

    found: dict[str, Trace] = {}
    broken: dict[str, str] = {}
    with ThreadPoolExecutor(workers) as pool, Bar("overlap", len(paths), "videos") as bar:
        for name, result in zip(paths, pool.map(one, paths.values()), strict=True):
            if isinstance(result, str):
                broken[name] = result
            else:
                found[name] = result
            bar.advance(1)
    return found, broken


def describe(picture: NDArray[np.uint8]) -> NDArray[np.float16]:
    """Return the descriptors of a thumbnail ``uint8 (32, 32)``: of all of it and of its middle, ``(crops, values)``."""
    return np.stack([_lowest(_middle(picture, share)) for share in CROPS]).astype(np.float16)


def mirrored(described: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the descriptors of pictures that are mirrored left to right: odd horizontal frequencies change sign."""
    signs = np.where(np.arange(LOWEST) % 2, -1.0, 1.0)
    return np.asarray(described * np.tile(signs, LOWEST)[1:].astype(described.dtype))


def frame_seconds(frame: av.VideoFrame, index: int) -> float:
    """Return the time of a frame, or an estimate by its number where the file has no times."""
    return float(frame.time) if frame.time is not None else index / USUAL_RATE


def _pictures(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield time and thumbnail, a few a second."""
    if path.is_dir():
        for index, file in enumerate(frame_files(path)):
            if int(index * RATE / USUAL_RATE) > int((index - 1) * RATE / USUAL_RATE) or index == 0:
                picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
                if picture is None:
                    raise UnreadableVideo(path, f"{file.name} is not an image that can be read")
                yield index / USUAL_RATE, shrink(np.asarray(picture, np.uint8))
        return
    begin, slot = 0.0, -1
    for index, frame in enumerate(decoded(path)):
        seconds = frame_seconds(frame, index)
        begin = seconds if index == 0 else begin
        now = int((seconds - begin) * RATE + 1e-6)
        if now > slot:
            slot = now
            yield seconds - begin, small_luma(frame)


def _middle(picture: NDArray[np.uint8], share: float) -> NDArray[np.float32]:
    """Return the middle of a picture in the picture's size."""
    values = picture.astype(np.float32)
    if share == 1:
        return values
    margin = (SIDE - 1) * (1 - share) / 2
    to_whole = np.array([[share, 0, margin], [0, share, margin]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(values, to_whole, (SIDE, SIDE), flags=flags), np.float32)


def _lowest(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the lowest frequencies, each weighted as high ones are weaker in pictures of the world."""
    across, down = np.meshgrid(np.arange(LOWEST), np.arange(LOWEST))
    values = (cv2.dct(picture)[:LOWEST, :LOWEST] * np.hypot(across, down)).ravel()[1:]
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-6), np.float32)
