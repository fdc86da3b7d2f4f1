"""Decoding of videos: frame k is the k-th frame that the decoder gives, whatever header and timestamps say.

Headers count wrong in packed or truncated AVI files, and timestamps are shifted or absent where AVI holds B-frames, so
frames are counted while decoding from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from tta_bench.data.media.container import (
    MOST_FRAMES,
    MOST_PIXELS,
    MOST_PIXELS_TO_SHRINK,
    NO_TRIAL,
    UnreadableVideo,
    has_decoder,
    open_for_reading,
    too_large,
    too_many,
)
from tta_bench.data.media.frame_folders import frame_files, read_picture

Pixels = NDArray[np.uint8]
"""Frames, ``uint8 (..., H, W, 3)`` RGB."""

_CONTAINERS = """
    3g2 3gp amv asf avi divx dv f4v flv gif m1v m2t m2ts m2v m4v mkv mov mp4 mpe mpeg mpg mts mxf nut ogm ogv qt rm rmvb
    tod ts vob webm wmv
"""
VIDEO_SUFFIXES = frozenset(f".{name}" for name in _CONTAINERS.split())
"""Suffixes of video files, in lower case."""

Change = Callable[[Pixels], Pixels]
"""A function of one frame ``uint8 (H, W, 3)`` that gives a frame."""


SHRINK = "`tta-bench data prepare --size 256` writes it smaller"
"""Remedy for a video whose pictures are too large."""
MOST_BYTES = 10**9
"""Most memory of the frames of one clip: 40 of 3840 x 2160 pixels, and no frame of a benchmark's clips is so large."""


def within_memory(frame: Pixels, frames: int) -> Pixels:
    """Return a frame as it is, or smaller where so many of its size would take more than `MOST_BYTES`.

    Args:
        frame: ``uint8 (H, W, 3)``.
        frames: Frames of the clip that are held at once.
    """
    scale = (MOST_BYTES / (frame.nbytes * frames)) ** 0.5
    if scale >= 1:
        return frame
    height, width = (max(1, int(side * scale)) for side in frame.shape[:2])
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def decoder_version() -> str:
    """Return the decoder with its versions, e.g. ``PyAV 18.1.0, libavcodec 62.28.102``."""
    return f"PyAV {av.__version__}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"


def read_frames(
    path: Path, indices: Sequence[int] | NDArray[np.integer], change: Change | None = None
) -> NDArray[np.uint8]:
    """Return the frames with these indices, ``uint8 (len(indices), H, W, 3)`` RGB, upright.

    Args:
        path: The file, or a folder of frames.
        indices: Indices in any order, perhaps repeated; one at or beyond the end gives the last frame.
        change: A change of each frame as soon as it is decoded, such as a smaller size. Before it, all frames have the
            size of the video's first one.

    Raises:
        ValueError: An index is negative, or there is none.
        UnreadableVideo: Decoding fails.
    """
    wanted = [int(index) for index in indices]
    if not wanted or min(wanted) < 0:
        raise ValueError(f"frame indices must be 0 or more and there must be one, not {wanted}")
    read = _read_images if path.is_dir() else _read_video
    frames = read(path, set(wanted), change or _unchanged)
    last = max(frames)
    return np.stack([frames[min(index, last)] for index in wanted])


def count_frames(path: Path) -> int:
    """Return the number of frames that a whole video decodes to; raises UnreadableVideo if it ends with an error."""
    if path.is_dir():
        return sum(1 for _ in map(read_picture, frame_files(path)))
    return sum(1 for _ in decoded(path))


def every_frame(path: Path, side: int | None = None, most: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """Yield all frames of a video file, ``uint8 (H, W, 3)`` RGB, upright and in the size of the first one.

    Args:
        path: The file.
        side: Short side of the frames that are yielded, where smaller than the video's.
        most: Largest number of pixels of a picture that is decoded, `MOST_PIXELS` if it is None.

    Raises:
        UnreadableVideo: Decoding fails, perhaps after some frames.
    """
    picture = ToRgb(path, side)
    for frame in decoded(path, most):
        yield picture(frame)


def frame_rate(path: Path) -> Fraction:
    """Return a video file's mean frames in a second, as its header has it; raises UnreadableVideo where it has none."""
    try:
        with open_for_reading(path) as container:
            stream = container.streams.best("video")
            rate = stream.average_rate if isinstance(stream, av.VideoStream) else None
    except av.FFmpegError as error:
        raise UnreadableVideo(path, error.strerror or str(error)) from error
    if not rate:
        raise UnreadableVideo(path, "no frame rate")
    return rate


def picture_size(path: Path) -> tuple[int, int]:
    """Return width and height of a video file as its header has them, 0 where it has none; raises UnreadableVideo."""
    try:
        with open_for_reading(path, NO_TRIAL) as container:
            stream = container.streams.best("video")
            if isinstance(stream, av.VideoStream) and has_decoder(stream):
                return stream.width or 0, stream.height or 0
            return 0, 0
    except av.FFmpegError as error:
        raise UnreadableVideo(path, error.strerror or str(error)) from error


class ToRgb:
    """Conversion of a video's frames to upright RGB of one size, as its first frame tells it.

    Args:
        path: The file, for errors.
        side: Short side of the pictures, where smaller than the video's.
    """

    def __init__(self, path: Path, side: int | None = None) -> None:
        self._path, self._side = path, side
        self._size: tuple[int, int] | None = None
        self._matrix: NDArray[np.int32] | None = None
        self._reformatter = VideoReformatter()

    def begin(self, frame: av.VideoFrame) -> None:
        """Take size and direction from a frame, if it is the first; PyAV frees a frame late once this was read."""
        if self._size is None:
            scale = 1.0 if self._side is None else min(1.0, self._side / min(frame.width, frame.height))
            self._size = round(frame.width * scale), round(frame.height * scale)
            side_data: Mapping[Any, Any] = frame.side_data  # its keys are no texts, whatever its type says
            data = side_data.get(SideData.DISPLAYMATRIX)
            self._matrix = None if data is None else np.frombuffer(bytes(data), np.int32).reshape(3, 3)

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Return a frame as ``uint8 (H, W, 3)``, scaled where it has another size than the first.

        Raises:
            UnreadableVideo: Its format cannot be converted.
        """
        self.begin(frame)
        assert self._size is not None
        try:
            picture = self._reformatter.reformat(frame, *self._size, format="rgb24").to_ndarray()
        except (av.FFmpegError, ValueError) as error:
            reason = f"a frame of format {frame.format.name} cannot be converted: {error}"
            raise UnreadableVideo(self._path, reason) from error
        return upright(np.asarray(picture, np.uint8), self._matrix)


def upright(picture: Pixels, matrix: NDArray[np.int32] | None) -> Pixels:
    """Return a picture as a display matrix shows it: turned by quarters and perhaps mirrored.

    Args:
        picture: ``uint8 (H, W, 3)``.
        matrix: ``int32 (3, 3)``, which sends a place (x, y, 1) to (x, y, 1) @ matrix; None for the picture as it is.
    """
    if matrix is None:
        return picture
    (across, down), (over, along) = matrix[:2, :2].astype(float)  # where a step to the right, and one down, leads
    if abs(down) + abs(over) > abs(across) + abs(along):
        picture, across, along = picture.swapaxes(0, 1), over, down
    return picture[:: -1 if along < 0 else 1, :: -1 if across < 0 else 1]


def decoded(path: Path, most: int | None = None) -> Generator[av.VideoFrame]:
    """Yield a video file's frames in order; raises UnreadableVideo, also when the file breaks off with an error.

    Args:
        path: The file.
        most: Largest number of pixels of a picture, `MOST_PIXELS` if it is None.
    """
    good = 0
    try:
        with open_for_reading(path) as container:
            stream = video_stream(path, container, most)
            for frame in container.decode(stream):
                yield frame
                good += 1
                if good == MOST_FRAMES:
                    raise UnreadableVideo(path, too_many(good + 1), good)
    except av.FFmpegError as error:
        raise broken(path, error, good) from error
    if not good:
        raise UnreadableVideo(path, "no frames")


def video_stream(path: Path, container: av.container.InputContainer, most: int | None = None) -> av.VideoStream:
    """Return the film of an open file, to be decoded by this thread.

    Args:
        path: The file, for errors.
        container: The open file.
        most: Largest number of pixels of a picture, `MOST_PIXELS` if it is None.

    Raises:
        UnreadableVideo: There is none, or none that can be decoded, or its header tells a size or a number of frames
            beyond the limit.
    """
    stream = container.streams.best("video")
    if not isinstance(stream, av.VideoStream):
        raise UnreadableVideo(path, "no video stream")
    if not has_decoder(stream):
        raise UnreadableVideo(path, "no decoder for its codec")
    width, height = stream.width or 0, stream.height or 0
    if reason := too_large(width, height, most):
        shrinks = most is None and not too_large(width, height, MOST_PIXELS_TO_SHRINK)
        raise UnreadableVideo(path, f"{reason}{'; ' + SHRINK if shrinks else ''}")
    if reason := too_many(stream.frames):
        raise UnreadableVideo(path, reason)
    stream.codec_context.options = {"max_pixels": str(most or MOST_PIXELS)}  # for pictures that grow later
    stream.thread_type = "NONE"
    return stream


def broken(path: Path, error: av.FFmpegError, good: int) -> UnreadableVideo:
    """Return the error of a file that breaks off after some good frames."""
    reason = error.strerror or str(error)
    return UnreadableVideo(path, f"{reason} after {good:,} good frames" if good else reason, good)


def _read_video(path: Path, wanted: set[int], change: Change) -> dict[int, NDArray[np.uint8]]:
    """Decode up to the last wanted frame and convert the wanted ones, or the video's last one where it is shorter."""
    pictures: dict[int, NDArray[np.uint8]] = {}
    picture = ToRgb(path)
    last = -1
    with closing(decoded(path)) as frames:
        for last, frame in enumerate(frames):
            picture.begin(frame)
            if last in wanted:
                pictures[last] = change(picture(frame))
            if last == max(wanted):
                return pictures
    if last not in pictures:
        pictures[last] = change(picture(frame))
    return pictures


def _read_images(path: Path, wanted: set[int], change: Change) -> dict[int, NDArray[np.uint8]]:
    """Read the wanted images of a folder of frames, or the last one where it has fewer, in the first one's size."""
    files = frame_files(path)
    height, width = read_picture(files[0]).shape[:2]
    pictures: dict[int, NDArray[np.uint8]] = {}
    for index in {min(index, len(files) - 1) for index in wanted}:
        picture = read_picture(files[index])
        if picture.shape[:2] != (height, width):
            picture = np.asarray(cv2.resize(picture, (width, height)), np.uint8)
        pictures[index] = change(picture)
    return pictures


def _unchanged(picture: Pixels) -> Pixels:
    return picture
