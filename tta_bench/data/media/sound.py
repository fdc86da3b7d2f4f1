"""Decoding of sound: mono, 16 kHz, within -1 to 1; everything that would mislead a feature extractor is counted.

Resampling is to 16 bits, because FFmpeg's mix of two float channels is louder than either: its 16-bit mix is their mean
and saturates. openSMILE in turn wraps samples at or beyond 1 round to -1, takes NaN for silence, and gives nothing but
NaN for less than 60 ms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tta_bench.cards.kinds import SOUND_RATE

SOUND_VERSION = 1
"""Raised whenever the same file would give another signal."""

SHORTEST = SOUND_RATE * 60 // 1000
"""Samples that openSMILE needs: 60 ms."""

LOUDEST = 1 - 2**-15
"""The largest value of 16 bits."""

NO_FILE, NO_TRACK, UNREADABLE, SILENT = "no file", "no sound track", "unreadable", "silent"
"""Reasons for a clip to have no sound; its score then rests on what is seen, and it still counts."""

BROKEN_OFF, SHORT, NOT_FINITE, CLIPPED = "broken off", "under 60 ms", "samples not finite", "samples at or beyond 1"
"""Corrections of a sound."""


@dataclass(frozen=True)
class Sound:
    """A clip's sound.

    Args:
        signal: ``float32 (S,)`` in [-1, 1) at 16 kHz, at least 60 ms long; None for a clip without audible sound.
        notes: Reasons and corrections, with the number of samples or 1.
    """

    signal: NDArray[np.float32] | None
    notes: dict[str, int] = field(default_factory=dict)


def read_sound(path: Path) -> Sound:
    """Return the sound of a video or sound file in any format; no file makes it raise.

    A file that cannot be read, has no track, or is silent has no signal. One that ends with an error is used up to
    there. Samples that are not finite become 0, samples at or beyond 1 the largest 16-bit value, and less than 60 ms is
    padded with silence. Each of these is noted.
    """
    blocks: list[NDArray[np.float32]] = []
    notes: dict[str, int] = {}
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return Sound(None, {NO_TRACK: 1})
            resampler = av.AudioResampler("s16", "mono", SOUND_RATE)
            for frame in container.decode(container.streams.audio[0]):
                blocks += _resample(resampler, _sound_frame(frame, notes))
            blocks += _resample(resampler, None)
    except (OSError, ValueError, av.FFmpegError):  # an error of PyAV is one of these three
        if not blocks:
            return Sound(None, {UNREADABLE: 1})
        notes[BROKEN_OFF] = 1
    guarded = guard(np.concatenate(blocks) if blocks else np.zeros(0, np.float32))
    return Sound(guarded.signal, notes | guarded.notes)


def guard(signal: NDArray[np.floating]) -> Sound:
    """Return a mono 16 kHz signal ``float (S,)`` made safe for every feature extractor.

    A signal of no more than one step of 16 bits is silent. NaN and infinite samples become 0.
    """
    notes: dict[str, int] = {}
    finite = np.isfinite(signal)
    beyond = finite & ((signal >= 1) | (signal < -1))
    for name, wrong in ((NOT_FINITE, ~finite), (CLIPPED, beyond)):
        if count := int(wrong.sum()):
            notes[name] = count
    clean = np.where(finite, signal, 0).clip(-1, LOUDEST).astype(np.float32)
    if not clean.size:
        return Sound(None, notes | {NO_TRACK: 1})
    if np.abs(clean).max() <= 2**-15:
        return Sound(None, notes | {SILENT: 1})
    if clean.size < SHORTEST:
        notes[SHORT] = 1
        clean = np.pad(clean, (0, SHORTEST - clean.size))
    return Sound(clean, notes)


def _sound_frame(frame: av.AudioFrame, notes: dict[str, int]) -> av.AudioFrame:
    """Return a decoded frame with finite samples below 1; others (in float formats only) are corrected and counted."""
    if frame.format.name not in ("flt", "fltp", "dbl", "dblp"):
        return frame
    samples: NDArray[Any] = frame.to_ndarray()
    finite = np.isfinite(samples)
    beyond = finite & (np.abs(samples) >= 1)
    if finite.all() and not beyond.any():
        return frame
    for name, wrong in ((NOT_FINITE, ~finite), (CLIPPED, beyond)):
        if count := int(wrong.sum()):
            notes[name] = notes.get(name, 0) + count
    clean: NDArray[Any] = np.where(finite, samples, 0).clip(-1, LOUDEST).astype(samples.dtype)
    corrected = av.AudioFrame.from_ndarray(clean, format=frame.format.name, layout=frame.layout.name)
    corrected.sample_rate, corrected.pts, corrected.time_base = frame.sample_rate, frame.pts, frame.time_base
    return corrected


def _resample(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> list[NDArray[np.float32]]:
    """Return a frame resampled, or the resampler's rest for None, as ``float32 (S,)`` in [-1, 1)."""
    return [out.to_ndarray()[0].astype(np.float32) / 2**15 for out in resampler.resample(frame)]
