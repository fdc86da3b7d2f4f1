"""Folders of frames: the images that are frames of one clip, in order, and their pixels.

Tools write optical flow, masks and thumbnails beside the frames (``img_00001.jpg``, ``flow_x_00001.jpg``), so images
are frames only where their names are of one pattern.
"""

from __future__ import annotations

import re
import struct
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.container import UnreadableVideo, too_large
from tta_bench.errors import shorten

IMAGE_SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".png", ".webp"))
"""Suffixes of the images in a folder of frames, in lower case."""

_WORDS = """
    alpha annotation annotations cover depth disp disparity edge edges flow flows flowu flowv flowx flowy gt heatmap
    infrared instance ir keypoints label labels mask masks matte normal normals optical pose poster preview saliency seg
    segm segmentation semantic skeleton thermal thumb thumbnail thumbnails thumbs u v warp warped x y
"""
NO_FRAMES = frozenset(_WORDS.split())
"""Words in the names of images that are made from frames, or stand for a clip."""


def frame_files(folder: Path) -> list[Path]:
    """Return the frames of a folder in order, ``frame_10`` after ``frame_9``.

    Images whose names say that they are no frames (flow, masks, thumbnails) are left out where others are there.

    Raises:
        UnreadableVideo: There are none, or images of several patterns of names; names the patterns.
    """
    patterns: dict[str, list[Path]] = defaultdict(list)
    for file in folder.iterdir():
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith("."):
            patterns[_pattern(file.name)].append(file)
    if not patterns:
        raise UnreadableVideo(folder, "no frames")
    return sorted(_frames(folder, patterns), key=_order)


def read_picture(file: Path) -> NDArray[np.uint8]:
    """Return an image as ``uint8 (H, W, 3)`` RGB.

    Raises:
        UnreadableVideo: Of its folder: it is no image, or its header tells a size beyond the limit.
    """
    if reason := too_large(*_stated_size(file)):
        raise UnreadableVideo(file.parent, f"{file.name}: {reason}")
    try:
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise UnreadableVideo(file.parent, f"{file.name} cannot be read: {error.err}") from error
    if picture is None:
        raise UnreadableVideo(file.parent, f"{file.name} is not an image that can be read")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def missing_numbers(files: Sequence[Path]) -> int:
    """Return the number of images that are missing between the first and the last, by the numbers in their names.

    Numbers may go up by more than one, where frames were taken at a lower rate; then that step is the usual one.

    Args:
        files: The frames in order. Where their names have not one number each, none is known to be missing.
    """
    found = [re.findall(r"\d+", file.stem) for file in files]
    if len(files) < 3 or any(not numbers for numbers in found):
        return 0
    numbers = [int(parts[-1]) for parts in found]
    steps = Counter(later - earlier for earlier, later in pairwise(numbers))
    usual = steps.most_common(1)[0][0]
    if usual <= 0 or any(step <= 0 or step % usual for step in steps):
        return 0
    return (numbers[-1] - numbers[0]) // usual + 1 - len(numbers)


def _pattern(name: str) -> str:
    """Return a name with a sign in place of each number: ``img_#.jpg``."""
    return re.sub(r"\d+(?:[.,]\d+)*", "#", re.sub(r"\.jpeg$", ".jpg", name.casefold()))


def _frames(folder: Path, patterns: dict[str, list[Path]]) -> list[Path]:
    """Return the images of the only pattern of frames; all of them where no name has a number."""
    if not any("#" in pattern for pattern in patterns):
        return [file for files in patterns.values() for file in files]
    kept = patterns
    if len(patterns) > 1:
        kept = {name: files for name, files in patterns.items() if NO_FRAMES.isdisjoint(re.split(r"[^a-z]+", name))}
    if len(kept) != 1:
        counted = sorted(patterns.items(), key=lambda item: (-len(item[1]), item[0]))
        raise UnreadableVideo(
            folder,
            f"its images are of {len(patterns)} kinds and not the frames of one clip: "
            + shorten([f"{name} ({len(files):,})" for name, files in counted]),
        )
    return next(iter(kept.values()))


def _order(file: Path) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", file.name)
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _stated_size(file: Path) -> tuple[int, int]:
    """Return the width and height in the header of a PNG, BMP, WebP or JPEG file; zeros where it has none."""
    try:
        with file.open("rb") as stream:
            head = stream.read(1 << 18)
    except OSError:
        return 0, 0
    try:
        if head.startswith(b"\x89PNG"):
            return struct.unpack(">II", head[16:24])
        if head.startswith(b"BM"):
            width, height = struct.unpack("<ii", head[18:26])
            return abs(width), abs(height)
        if head[:4] == b"RIFF" and head[12:16] == b"VP8X":
            width, height = (int.from_bytes(head[start : start + 3], "little") + 1 for start in (24, 27))
            return width, height
        return _jpeg_size(head) if head.startswith(b"\xff\xd8") else (0, 0)  # other WebP has 16,383 pixels a side
    except struct.error:
        return 0, 0


def _jpeg_size(head: bytes) -> tuple[int, int]:
    """Return the width and height in the frame header of a JPEG file."""
    place = 2
    while place + 9 <= len(head):
        marker, length = head[place + 1], int.from_bytes(head[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[place + 5 : place + 9])
            return width, height
        place += 2 + length
    return 0, 0
