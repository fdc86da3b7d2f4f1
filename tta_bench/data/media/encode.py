"""Video encoding with PyAV: RGB frames, and perhaps mono sound, to a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from tta_bench.cards.kinds import SOUND_RATE

BIT_RATE = 96_000
"""Bits of a second of AAC sound."""


class Encoding(NamedTuple):
    """A container, and the video encoders that may fill it, each with its options; the first available one is used."""

    container: str
    encoders: Mapping[str, Mapping[str, str]]
    bitexact: bool = False
    """Write no date and no library version into the file, so that equal frames give equal bytes."""


MPEG4_AVI = Encoding("avi", {"mpeg4": {"qmin": "4", "qmax": "4", "g": "12"}}, bitexact=True)
"""MPEG-4 Part 2 in AVI, as UCF101's clips are."""

MPEG4_MP4 = Encoding("mp4", {"mpeg4": {"qmin": "3", "qmax": "3", "g": "12"}}, bitexact=True)
"""MPEG-4 Part 2 in MP4."""

FLAT_H264_MP4 = Encoding(
    "mp4",
    {
        "libx264": {"preset": "veryfast", "crf": "14", "x264-params": "aq-mode=0:psy=0:deblock=-3,-3"},
        "mpeg4": {"qmin": "3", "qmax": "3", "g": "12"},
    },
    bitexact=True,
)
"""H.264 in MP4 that keeps flat areas flat; MPEG-4 Part 2 where there is no such encoder."""


def h264(container: str) -> Encoding:
    """Return H.264 of visually lossless quality in a container; MPEG-4 Part 2 where there is no such encoder."""
    encoders = {"libx264": {"preset": "veryfast", "crf": "18"}, "mpeg4": {"qmin": "2", "qmax": "3"}}
    return Encoding(container, encoders)


def write_video(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    rate: float | Fraction,
    encoding: Encoding,
    sound: NDArray[np.float32] | None = None,
) -> None:
    """Write a video file.

    Args:
        path: The file; its suffix does not matter.
        frames: At least one RGB frame ``uint8 (H, W, 3)``; an odd last row or column is dropped.
        rate: Frames in a second.
        encoding: Container and video encoder.
        sound: Mono sound ``float32 (S,)`` in [-1, 1) at 16 kHz, written as AAC.
    """
    frames = iter(frames)
    first = next(frames)
    height, width = (side // 2 * 2 for side in first.shape[:2])
    encoder = next(name for name in encoding.encoders if name in av.codecs_available)
    flags = {"flags": "+bitexact"} if encoding.bitexact else {}
    muxing = {"fflags": "+bitexact"} if encoding.bitexact else {}
    with av.open(str(path), "w", format=encoding.container, options=muxing) as file:
        options = flags | {"threads": "1"} | dict(encoding.encoders[encoder])
        video = file.add_stream(encoder, rate=_exact(rate), options=options)
        assert isinstance(video, av.VideoStream)
        video.height, video.width, video.pix_fmt = height, width, "yuv420p"
        audio = None if sound is None else file.add_stream("aac", rate=SOUND_RATE, layout="mono", options=flags)
        if audio is not None:
            audio.bit_rate = BIT_RATE
        for frame in chain([first], frames):
            picture = np.ascontiguousarray(frame[:height, :width])
            file.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(video.encode(None))
        if sound is not None and audio is not None:
            file.mux(audio.encode(_audio_frame(sound)))
            file.mux(audio.encode(None))


def _exact(rate: float | Fraction) -> Fraction:
    return rate if isinstance(rate, Fraction) else Fraction(rate).limit_denominator(1000)


def _audio_frame(sound: NDArray[np.float32]) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
    return frame
