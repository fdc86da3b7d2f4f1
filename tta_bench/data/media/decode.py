"""Decoding of videos: frame k is the k-th frame that the decoder gives, whatever header and timestamps say.

Headers count wrong in packed or truncated AVI files, and timestamps are shifted or absent where AVI holds B-frames, so
frames are counted while decoding from the start.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""Frames, ``uint8 (..., H, W, 3)`` RGB."""

VIDEO_SUFFIXES = frozenset(
    (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv")
)
"""Suffixes of video files, in lower case."""

IMAGE_SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".png", ".webp"))
"""Suffixes of the images in a folder of frames, in lower case."""


class UnreadableVideo(Exception):
    """A video that cannot be decoded to its end.

    Args:
        path: The file, or the folder of frames.
        reason: The error, in the decoder's words where it has any.
        good: Number of frames that can be decoded before that.
    """

    def __init__(self, path: Path, reason: str, good: int = 0) -> None:
        super().__init__(path, reason, good)
        self.path = path
        self.reason = reason
        self.good = good

    def __str__(self) -> str:
        """Return the path and the reason."""
        return f"{self.path}: {self.reason}"


def decoder_version() -> str:
    """Return the decoder with its versions, e.g. ``PyAV 18.1.0, libavcodec 62.28.102``."""
    return f"PyAV {av.__version__}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"


def read_frames(path: Path, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return the frames with these indices, ``uint8 (len(indices), H, W, 3)`` RGB, upright.

    Indices may come in any order and repeat. One at or beyond the end gives the last frame. All frames have the size
    of the video's first one. Raises ValueError for a negative index or none at all, UnreadableVideo if decoding fails.
    """
    wanted = [int(index) for index in indices]
    if not wanted or min(wanted) < 0:
        raise ValueError(f"frame indices must be 0 or more and there must be one, not {wanted}")
    frames = _read_images(path, set(wanted)) if path.is_dir() else _read_video(path, set(wanted))
    last = max(frames)
    return np.stack([frames[min(index, last)] for index in wanted])


def count_frames(path: Path) -> int:
    """Return the number of frames that a whole video decodes to; raises UnreadableVideo if it ends with an error."""
    if path.is_dir():
        return sum(1 for _ in map(_read_image, _image_files(path)))
    return sum(1 for _ in _decode(path))


def decoded_frames(path: Path) -> Generator[av.VideoFrame]:
    """Yield a video file's frames as the decoder gives them; raises UnreadableVideo if it ends with an error."""
    yield from _decode(path)


def frame_files(path: Path) -> list[Path]:
    """Return the images of a folder of frames in order; raises UnreadableVideo if there are none."""
    return _image_files(path)


def every_frame(path: Path, side: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """Yield all frames of a video file, ``uint8 (H, W, 3)`` RGB, upright and in the size of the first one.

    Args:
        path: The file.
        side: Short side of the frames that are yielded, where smaller than the video's.

    Raises:
        UnreadableVideo: Decoding fails, perhaps after some frames.
    """
    size: tuple[int, int] | None = None
    reformatter = VideoReformatter()
    for frame in _decode(path):
        if size is None:
            scale = 1.0 if side is None else min(1.0, side / min(frame.width, frame.height))
            size = round(frame.width * scale), round(frame.height * scale)
        yield to_rgb(path, frame, size, reformatter)


def frame_rate(path: Path) -> Fraction:
    """Return a video file's mean frames in a second, as its header has it; raises UnreadableVideo where it has none."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.best("video")
            rate = stream.average_rate if isinstance(stream, av.VideoStream) else None
    except av.FFmpegError as error:
        raise UnreadableVideo(path, error.strerror or str(error)) from error
    if not rate:
        raise UnreadableVideo(path, "no frame rate")
    return rate


def _read_video(path: Path, wanted: set[int]) -> dict[int, NDArray[np.uint8]]:
    """Decode up to the last wanted frame and convert the wanted ones, or the video's last one where it is shorter."""
    pictures: dict[int, NDArray[np.uint8]] = {}
    size: tuple[int, int] | None = None
    reformatter = VideoReformatter()
    with closing(_decode(path)) as frames:
        for index, frame in enumerate(frames):
            size = size or (frame.width, frame.height)
            if index in wanted:
                pictures[index] = to_rgb(path, frame, size, reformatter)
            if index == max(wanted):
                return pictures
    if size and index not in pictures:
        pictures[index] = to_rgb(path, frame, size, reformatter)
    return pictures


def to_rgb(path: Path, frame: av.VideoFrame, size: tuple[int, int], reformatter: VideoReformatter) -> NDArray[np.uint8]:
    """Convert a frame to upright RGB, scaled to a size (width, height, before turning) where it has another."""
    try:
        picture = reformatter.reformat(frame, *size, format="rgb24").to_ndarray()
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableVideo(path, f"a frame of format {frame.format.name} cannot be converted: {error}") from error
    return np.asarray(np.rot90(picture, round(frame.rotation / 90)), np.uint8)  # both count counterclockwise


def _decode(path: Path) -> Generator[av.VideoFrame]:
    """Yield a video file's frames in order; raises UnreadableVideo, also when the file breaks off with an error."""
    good = 0
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            stream = container.streams.best("video")
            if not isinstance(stream, av.VideoStream):
                raise UnreadableVideo(path, "no video stream")
            stream.thread_type = "NONE"
            for frame in container.decode(stream):
                yield frame
                good += 1
    except av.FFmpegError as error:
        reason = error.strerror or str(error)
        raise UnreadableVideo(path, f"{reason} after {good:,} good frames" if good else reason, good) from error
    if not good:
        raise UnreadableVideo(path, "no frames")


def _read_images(path: Path, wanted: set[int]) -> dict[int, NDArray[np.uint8]]:
    """Read the wanted images of a folder of frames, or the last one where it has fewer, in the first one's size."""
    files = _image_files(path)
    height, width = _read_image(files[0]).shape[:2]
    pictures: dict[int, NDArray[np.uint8]] = {}
    for index in {min(index, len(files) - 1) for index in wanted}:
        picture = _read_image(files[index])
        if picture.shape[:2] != (height, width):
            picture = np.asarray(cv2.resize(picture, (width, height)), np.uint8)
        pictures[index] = picture
    return pictures


def _image_files(path: Path) -> list[Path]:
    """Return a folder's images in order, ``frame_10`` after ``frame_9``; raises UnreadableVideo if there are none."""
    files = [file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES]
    if not files:
        raise UnreadableVideo(path, "no frames")
    return sorted(
        files, key=lambda file: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", file.name)]
    )


def _read_image(file: Path) -> NDArray[np.uint8]:
    """Return an image as ``uint8 (H, W, 3)`` RGB; raises UnreadableVideo for its folder if it is none."""
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if picture is None:
        raise UnreadableVideo(file.parent, f"{file.name} is not an image that can be read")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
