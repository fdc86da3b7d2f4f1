"""Opening of video and sound files: text that is no UTF-8 is no fault, and what is too large is refused undecoded.

Limits are far above any clip of a benchmark, so that only a mistake or a bomb meets them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Stream

MOST_PIXELS = 8192 * 8192
"""Largest number of pixels of a picture."""

MOST_FRAMES = 1_000_000
"""Largest number of frames of a video: nine hours at 30 Hz."""

MOST_SOUND_SECONDS = 60 * 60
"""Longest sound, in seconds."""

NO_TRIAL = {"skip_frame": "all"}
"""Option that keeps FFmpeg from decoding the first frames when it opens a file."""


def has_decoder(stream: Stream) -> bool:
    """Return True if a stream can be decoded; one of a codec that nobody here knows has no size and no layout."""
    return stream.codec_context is not None


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


def tags_ignored(version: str) -> dict[str, Any]:
    """Return PyAV's argument for tags that are no UTF-8; from version 19 on it has none, and fails at none.

    Args:
        version: PyAV's version.
    """
    return {"metadata_errors": "ignore"} if int(version.partition(".")[0]) < 19 else {}


def open_for_reading(path: Path, options: Mapping[str, str] | None = None) -> InputContainer:
    """Open a file; texts of its tags that are no UTF-8 are ignored, for many tools write Latin-1.

    Args:
        path: The file.
        options: FFmpeg's options of the container and of its decoders.

    Raises:
        OSError: The file cannot be opened.
        av.FFmpegError: It is no video or sound.
    """
    opened: InputContainer = av.open(str(path), options=dict(options or {}), **tags_ignored(av.__version__))
    return opened


def too_large(width: int, height: int) -> str:
    """Return the reason not to decode pictures of this size; empty where there is none."""
    if width * height <= MOST_PIXELS:
        return ""
    return f"its pictures have {width:,} x {height:,} pixels, and at most {MOST_PIXELS:,} are decoded"


def too_many(frames: int) -> str:
    """Return the reason not to decode so many frames; empty where there is none."""
    return f"it has {frames:,} frames, and at most {MOST_FRAMES:,} are decoded" if frames > MOST_FRAMES else ""
