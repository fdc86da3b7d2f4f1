"""Key frames of a long video from which its frames may be counted on, where no times tell which frame is which (AVI).

An index of a container may be wrong, a key frame may need what stood before it, and a packet may hold two pictures, so
nothing is believed: the whole video is decoded once from its start and once from its key frames, and a key frame counts
if every picture up to the next one is the same. That takes two decodings, once; what was found is kept in the cache.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.container import open_for_reading
from tta_bench.data.media.decode import video_stream
from tta_bench.data.media.index_cache import Arrays, kept_numbers

LONG = 20_000
"""Frames of a video from which on its key frames are looked for: a quarter of an hour at 25 Hz."""
APART = 500
"""Fewest frames from one key frame that is taken to the next."""
LATE = 32
"""Most pictures by which a decoder may give a key frame later than its packet came."""


class KeyFrames(NamedTuple):
    """Key frames, and the frames that decoding from each gives as it should."""

    times: NDArray[np.int64]
    """Place to go to, in the unit of the stream."""
    starts: NDArray[np.int64]
    """The number of the first frame that is decoded from there, rising."""
    ends: NDArray[np.int64]
    """The number after that of the last frame that was compared."""

    def before(self, frame: int) -> int | None:
        """Return the place of the last key frame not after a frame, if it leads there; else None."""
        place = int(np.searchsorted(self.starts, frame, "right")) - 1
        return place if place >= 0 and frame < self.ends[place] else None

    def is_nearer(self, frame: int, other: int) -> bool:
        """Return True if a key frame not before another frame leads to a frame."""
        place = self.before(frame)
        return place is not None and bool(self.starts[place] > other)


def key_frames(path: Path, length: int) -> KeyFrames:
    """Return the key frames of a video from which its frames may be counted on; perhaps none.

    Args:
        path: The file.
        length: Counted frames.

    Raises:
        UnreadableVideo: It cannot be decoded.
        av.FFmpegError: The same.
        OSError: The file is gone.
    """

    def proved() -> Arrays:
        return _proved(path, length)._asdict()

    found = kept_numbers("key_frames", path, length, proved)
    assert found is not None
    return KeyFrames(**found)


def frames_from(path: Path, time: int) -> Generator[av.VideoFrame]:
    """Yield a video's frames from a key frame on; the file is opened for it, so that the same is done every time.

    Args:
        path: The file.
        time: Time of the key frame, in the unit of the stream.

    Raises:
        UnreadableVideo: It has no film that can be decoded.
        av.FFmpegError: It cannot be decoded, or has no such place.
    """
    with open_for_reading(path) as container:
        stream = video_stream(path, container)
        container.seek(time, stream=stream)
        yield from container.decode(stream)


class _Counted(NamedTuple):
    """A video as counting from its start finds it."""

    pictures: list[int]
    """A digest of every picture."""
    packets: list[tuple[int, int]]
    """Time of each packet with a key frame, and how many frames had come before it."""
    sizes: set[tuple[int, int]]
    """Widths and heights of the pictures."""


def _proved(path: Path, length: int) -> KeyFrames:
    """Return the key frames of a video that lead to the pictures that counting finds, all of which are compared.

    There are none in a video whose size changes, or whose pictures have a format that NumPy is not given.
    """
    try:
        counted = _counted(path)
    except ValueError:
        counted = _Counted([], [], set())
    usable = len(counted.pictures) == length and len(counted.sizes) == 1
    chosen = counted.packets[:1] if usable else []
    for packet in counted.packets[1:]:
        if chosen and packet[1] - chosen[-1][1] >= APART:
            chosen.append(packet)
    rows = []
    for (time, come), (_, coming) in pairwise([*chosen, (0, length)]):
        start_and_end = _compared(path, time, come, coming + LATE, counted)
        if start_and_end is not None:
            rows.append((time, *start_and_end))
    table = np.array(rows, np.int64).reshape(-1, 3)
    rising = np.diff(table[:, 1], prepend=-1) > 0
    times, starts, ends = table[rising].T
    return KeyFrames(times, starts, ends)


def _counted(path: Path) -> _Counted:
    counted = _Counted([], [], set())
    with open_for_reading(path) as container:
        stream = video_stream(path, container)
        for packet in container.demux(stream):
            if packet.is_keyframe and packet.size and packet.dts is not None:
                counted.packets.append((packet.dts, len(counted.pictures)))
            for frame in packet.decode():
                counted.pictures.append(_digest(frame))
                counted.sizes.add((frame.width, frame.height))
    return counted


def _compared(path: Path, time: int, come: int, until: int, counted: _Counted) -> tuple[int, int] | None:
    """Return the numbers of the frames that decoding from a key frame gives: the first, and that after the last.

    None where they are no stretch of the pictures that counting finds.
    """
    pictures: list[int] = []
    try:
        with closing(frames_from(path, time)) as frames:
            for frame in frames:
                pictures.append(_digest(frame))
                if len(pictures) >= until - come:
                    break
    except av.FFmpegError:
        return None
    firsts = range(come, come + LATE)  # where pictures stand still there may be several, and any of them will do
    first = next((first for first in firsts if _is_part(pictures, counted.pictures, first)), None)
    return None if first is None else (first, first + len(pictures))


def _is_part(part: Sequence[int], whole: Sequence[int], first: int) -> bool:
    """Return True if a part stands in a whole from a place on."""
    return bool(part) and whole[first : first + len(part)] == part


def _digest(frame: av.VideoFrame) -> int:
    """Return a number that stands for a picture, in this process; raises ValueError for a format unknown to NumPy."""
    return hash((frame.width, frame.height, frame.format.name, frame.to_ndarray().tobytes()))
