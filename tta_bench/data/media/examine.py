"""Examination of a clip: its frames, counted, and signs that it is damaged or ends early.

Such signs are doubts, for headers are often wrong: they are told, and never change the count.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from tta_bench.data.media.container import MOST_FRAMES, UnreadableVideo, has_decoder, open_for_reading, too_many
from tta_bench.data.media.decode import broken, count_frames, video_stream
from tta_bench.data.media.fingerprint import Thumbnails, fingerprint, shrink, small_luma
from tta_bench.data.media.frame_folders import frame_files, missing_numbers
from tta_bench.data.media.stated_size import lacks_ogg_end, missing_bytes

ALLOWED_SECONDS = 0.25
"""Time by which a file may end before its header says, without a doubt."""

PADDED_FRAMES = 2
"""Frames that the header of an AVI file may count too many: writers of sound fill it up with empty ones."""


class Examined(NamedTuple):
    """Result of decoding a clip to its end."""

    frames: int
    doubt: str = ""
    """Signs of damage in words; empty where there are none."""
    width: int = 0
    height: int = 0
    fingerprint: str = ""
    """Perceptual hash of frames spread over the clip."""


def examine(path: Path) -> Examined:
    """Decode a clip to its end and return its frames and doubts about them.

    Raises:
        UnreadableVideo: Decoding fails, perhaps after some frames.
        OSError: The file cannot be read.
    """
    if path.is_dir():
        return _examine_images(path)
    frames = corrupt = packets = 0
    end = 0.0
    thumbnails, size = Thumbnails(), (0, 0)
    try:
        with open_for_reading(path) as container:
            stream = video_stream(path, container)
            sounds = [other for other in container.streams.audio if has_decoder(other)]
            for packet in container.demux(stream, *sounds):
                if packet.pts is not None and packet.size:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream is not stream:
                    continue
                packets += bool(packet.size) and not packet.is_discard
                for frame in packet.decode():
                    assert isinstance(frame, av.VideoFrame)
                    corrupt += frame.is_corrupt
                    size = size if frames else upright_size(frame)
                    frames += 1
                    thumbnails.add(partial(small_luma, frame))
                    if frames == MOST_FRAMES:
                        raise UnreadableVideo(path, too_many(frames + 1), frames)
            doubts = [
                f"{corrupt:,} of {frames:,} frames are damaged" if corrupt else "",
                _lost(stream, container.format.name, frames, packets),
                _early(container, end),
            ]
    except av.FFmpegError as error:
        raise broken(path, error, frames) from error
    if not frames:
        raise UnreadableVideo(path, "no frames")
    if missing := missing_bytes(path):
        doubts.append(f"the file is cut: {missing}")
    if lacks_ogg_end(path):
        doubts.append("the file is cut: its last page is not marked as the end")
    return Examined(frames, "; ".join(filter(None, doubts)), *size, fingerprint(thumbnails.spread()))


def upright_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Return width and height of a frame after its display matrix was applied."""
    return (frame.height, frame.width) if round(frame.rotation / 90) % 2 else (frame.width, frame.height)


def _examine_images(path: Path) -> Examined:
    """Return the frames, size and fingerprint of a folder of images."""
    frames = count_frames(path)
    thumbnails, size = Thumbnails(), (0, 0)
    for number, file in enumerate(frame_files(path)):
        picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise UnreadableVideo(path, f"{file.name} is not an image that can be read")
        size = size if number else (picture.shape[1], picture.shape[0])
        thumbnails.add(partial(shrink, np.asarray(picture, np.uint8)))
    absent = missing_numbers(frame_files(path))
    doubt = f"{absent:,} of its images are missing by their numbers" if absent else ""
    return Examined(frames, doubt, *size, fingerprint(thumbnails.spread()))


def _lost(stream: av.VideoStream, form: str, frames: int, packets: int) -> str:
    """Return words on frames that the header counts, or the file holds, and the decoder does not give."""
    spare = PADDED_FRAMES if form == "avi" else 0
    if stream.frames and not -spare <= frames - stream.frames <= 0:
        return f"{frames:,} frames of the {stream.frames:,} in its header"
    if frames < packets and stream.codec_context.name not in ("vp8", "vp9", "av1"):  # these have pictures not shown
        return f"{packets - frames:,} of {packets:,} pictures give no frame"
    return ""


def _early(container: av.container.InputContainer, end: float) -> str:
    """Return words on a file of which even the last packet ends before the header says."""
    if container.duration is None or container.start_time is None:  # then a duration is no more than a guess
        return ""
    stated, found = container.duration / 1e6, end - max(0.0, container.start_time / 1e6)
    if stated - found <= max(ALLOWED_SECONDS, stated / 50):
        return ""
    return f"it ends after {max(0.0, found):.1f} of {stated:.1f} s"
