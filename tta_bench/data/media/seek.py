"""Random access to frames of a video whose frames were counted, without decoding everything before them.

In a container that states when each picture is shown (MP4, Matroska; not AVI), frame k has the k-th smallest timestamp
if every packet is one frame. That is checked for each file: there must be as many packets as counted frames,
with distinct timestamps. Otherwise, or where the decoder does not give a wanted timestamp, frames are counted from the
start.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.container import NO_TRIAL, UnreadableVideo, open_for_reading
from tta_bench.data.media.decode import Change, ToRgb, read_frames, video_stream

SEEKABLE_FORMATS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
SEEKABLE_CODECS = ("h264", "hevc", "vp8", "vp9", "av1")


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
    frames = None if path.is_dir() else _seek_and_read(path, once.tolist(), length, change)
    if frames is None:
        return read_frames(path, wanted, change)
    return frames if np.array_equal(once, wanted) else frames[places]


def _seek_and_read(path: Path, wanted: Sequence[int], length: int, change: Change | None) -> NDArray[np.uint8] | None:
    """Decode from the last key frame not after the first wanted frame; None where that does not give all frames."""
    try:
        with open_for_reading(path, NO_TRIAL) as container:
            stream = video_stream(path, container)
            if container.format.name not in SEEKABLE_FORMATS or stream.codec_context.name not in SEEKABLE_CODECS:
                return None
            packets = [(packet.pts, packet.is_keyframe) for packet in container.demux(stream) if packet.size]
            times = sorted(pts for pts, _ in packets if pts is not None)
            if len(times) != length or len(packets) != length or len(set(times)) != length:
                return None
            rows = {times[index]: row for row, index in enumerate(wanted)}
            keys = [pts for pts, is_key in packets if is_key and pts is not None and pts <= times[wanted[0]]]
            if not keys:
                return None
            container.seek(max(keys), stream=stream)
            return _decode(path, container, stream, rows, change)
    except (av.FFmpegError, UnreadableVideo):
        return None  # counting from the start raises the error


def _decode(
    path: Path,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    rows: dict[int, int],
    change: Change | None,
) -> NDArray[np.uint8] | None:
    """Return the frames at some times, each in its place; frames in between that no other refers to are not decoded."""
    size = stream.width, stream.height
    convert = ToRgb(path)
    frames: NDArray[np.uint8] | None = None
    missing = set(rows)
    for packet in container.demux(stream):
        stream.codec_context.skip_frame = "DEFAULT" if packet.pts in rows else "NONREF"
        for frame in packet.decode():
            if frame.is_corrupt:  # then its pixels depend on where decoding began
                return None
            if frame.pts in missing:
                if (frame.width, frame.height) != size:
                    return None
                picture = convert(frame) if change is None else change(convert(frame))
                if frames is None:
                    frames = np.empty((len(rows), *picture.shape), np.uint8)
                frames[rows[frame.pts]] = picture  # one by one, so that the next picture takes the same memory
                missing.remove(frame.pts)
        if not missing:
            return frames
    return None
