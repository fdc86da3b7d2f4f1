"""Random access to frames of a video whose frames were counted, without decoding everything before them.

In a container that states when each picture is shown (MP4, Matroska; not AVI), frame k has the k-th smallest timestamp
if every packet is one frame. That is checked for each file: there must be as many packets as counted frames,
with distinct timestamps. Otherwise, or where the decoder does not give a wanted timestamp, frames of a long video are
counted from a key frame that was proved to lead to them, and else from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.container import NO_TRIAL, UnreadableVideo, open_for_reading
from tta_bench.data.media.decode import Change, ToRgb, read_frames, video_stream
from tta_bench.data.media.frame_index import FrameIndex, frame_index
from tta_bench.data.media.key_frames import LONG, frames_from, key_frames

SEEKABLE_FORMATS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
SEEKABLE_CODECS = ("h264", "hevc", "vp8", "vp9", "av1")
NEAR = 32
"""Frames from one that is decoded to the next key frame worth seeking; nearer ones are decoded on the way."""


def read_counted_frames(
    path: Path, indices: Sequence[int] | NDArray[np.integer], length: int, change: Change | None = None
) -> NDArray[np.uint8]:
    """Return the frames with these indices, ``uint8 (len(indices), H, W, 3)``, as `read_frames` does.

    Args:
        path: The file, or a folder of frames.
        indices: Indices of the frames, in any order; one at or beyond the end gives the last.
        length: Counted frames of the video.
        change: A change of each frame as soon as it is decoded, such as a smaller size.

    Raises:
        UnreadableVideo: Decoding fails.
    """
    wanted = np.minimum(indices, length - 1)
    once, places = np.unique(wanted, return_inverse=True)
    frames = _seek_and_read(path, once.tolist(), length, change) if _may_tell_times(path) else None
    if frames is None and length >= LONG and path.is_file():
        frames = _count_on(path, once.tolist(), length, change)
    if frames is None:
        return read_frames(path, wanted, change)
    return frames if np.array_equal(once, wanted) else frames[places]


def _may_tell_times(path: Path) -> bool:
    """Return False for a folder of frames and for RIFF (AVI), which is then opened once."""
    try:
        with path.open("rb") as stream:
            return stream.read(4) != b"RIFF"
    except OSError:
        return False  # opening it again says what is wrong


def _seek_and_read(path: Path, wanted: Sequence[int], length: int, change: Change | None) -> NDArray[np.uint8] | None:
    """Decode from the last key frame before each group of wanted frames; None where that does not give all frames."""
    try:
        with open_for_reading(path, NO_TRIAL) as container:
            stream = video_stream(path, container)
            if container.format.name not in SEEKABLE_FORMATS or stream.codec_context.name not in SEEKABLE_CODECS:
                return None
            index = frame_index(path, container, stream, length)
            return None if index is None else _Reading(path, container, stream, index, change).read(wanted)
    except (av.FFmpegError, UnreadableVideo, OSError):
        return None  # counting from the start raises the error


def _count_on(path: Path, wanted: Sequence[int], length: int, change: Change | None) -> NDArray[np.uint8] | None:
    """Decode from proved key frames and count on, for rising indices; None where that does not give all frames."""
    try:
        keys, rows = key_frames(path, length), _Rows(path, len(wanted), change)
        done = 0
        while done < len(wanted):
            place, begun = keys.before(wanted[done]), done
            if place is None:
                return None
            stretch = range(int(keys.starts[place]), int(keys.ends[place]))
            with closing(frames_from(path, int(keys.times[place]))) as frames:
                for number, frame in zip(stretch, frames, strict=False):
                    if number != wanted[done]:
                        continue
                    rows.put(frame)
                    done += 1
                    if done == len(wanted) or keys.is_nearer(wanted[done], number + NEAR):
                        break
            if done == begun:
                return None
    except (av.FFmpegError, UnreadableVideo, OSError):
        return None  # counting from the start raises the error
    return rows.frames


class _Rows:
    """Frames that are put one after the other into one array, upright and changed."""

    def __init__(self, path: Path, rows: int, change: Change | None) -> None:
        self.convert, self.rows, self.change = ToRgb(path), rows, change
        self.frames: NDArray[np.uint8] | None = None
        self._done = 0

    def put(self, frame: av.VideoFrame) -> None:
        """Put the next frame."""
        picture = self.convert(frame) if self.change is None else self.change(self.convert(frame))
        if self.frames is None:
            self.frames = np.empty((self.rows, *picture.shape), np.uint8)
        self.frames[self._done] = picture  # one by one, so that the next picture takes the same memory
        self._done += 1


class _Reading:
    """Some frames of an open video, each in its place."""

    def __init__(
        self,
        path: Path,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        index: FrameIndex,
        change: Change | None,
    ) -> None:
        self.container, self.stream, self.index = container, stream, index
        self.path, self.change = path, change
        self.size = stream.width, stream.height

    def read(self, wanted: Sequence[int]) -> NDArray[np.uint8] | None:
        """Return the frames with these rising indices; None where decoding does not give one as it should be."""
        done, rows = 0, _Rows(self.path, len(wanted), self.change)
        while done < len(wanted):
            key = self.index.key_before(wanted[done])
            if key is None:
                return None
            self.container.seek(key, stream=self.stream)
            got = self._read_on(wanted, done, rows)
            if got == done:
                return None
            done = got
        return rows.frames

    def _read_on(self, wanted: Sequence[int], done: int, rows: _Rows) -> int:
        """Decode until all frames are there or seeking is quicker, and return how many are there; as many on a fault.

        Frames that are not wanted and that no other refers to are not decoded.
        """
        begun, times = done, self.index.times
        rest = {int(times[frame]) for frame in wanted[done:]}
        for packet in self.container.demux(self.stream):
            self.stream.codec_context.skip_frame = "DEFAULT" if packet.pts in rest else "NONREF"
            for frame in packet.decode():
                if frame.is_corrupt:  # then its pixels depend on where decoding began
                    return begun
                if frame.pts not in rest:
                    continue
                if (frame.width, frame.height) != self.size or frame.pts != times[wanted[done]]:
                    return begun
                rows.put(frame)
                done += 1
                if done == len(wanted) or self._is_far(wanted[done - 1], wanted[done]):
                    return done
        return begun

    def _is_far(self, frame: int, other: int) -> bool:
        """Return True if a key frame lies between two frames, and far enough from the first."""
        key, times = self.index.key_before(other), self.index.times
        return key is not None and bool(key > times[min(frame + NEAR, len(times) - 1)])
