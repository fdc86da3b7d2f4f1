"""Decoding of sound: mono, 16 kHz, within -1 to 1; everything that would mislead a feature extractor is counted.

Resampling is to 16 bits, because FFmpeg's mix of two float channels is louder than either: its 16-bit mix is their mean
and saturates. openSMILE in turn wraps samples at or beyond 1 round to -1, takes NaN for silence, and gives nothing but
NaN for less than 60 ms.

Of more than two channels, those that are silent have no part in the mix: a voice in the centre alone is as loud as in
mono. The others have FFmpeg's weights (ITU-R BS.775), divided by their sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tta_bench.cards.kinds import SOUND_RATE
from tta_bench.data.media.container import MOST_SOUND_SECONDS, has_decoder, open_for_reading
from tta_bench.data.media.stated_size import lacks_ogg_end, missing_bytes
from tta_bench.errors import UserError

SOUND_VERSION = 2
"""Raised whenever the same file would give another signal."""

SHORTEST = SOUND_RATE * 60 // 1000
"""Samples that openSMILE needs: 60 ms."""

LOUDEST = 1 - 2**-15
"""The largest value of 16 bits."""

NO_FILE, NO_TRACK, UNREADABLE, SILENT = "no file", "no sound track", "unreadable", "silent"
"""Reasons for a clip to have no sound; its score then rests on what is seen, and it still counts."""

BROKEN_OFF, SHORT, NOT_FINITE, CLIPPED = "broken off", "under 60 ms", "samples not finite", "samples at or beyond 1"
"""Corrections of a sound."""


WEIGHTS = {"FL": 0.5**0.5, "FR": 0.5**0.5, "FC": 1.0, "BL": 0.5, "BR": 0.5, "SL": 0.5, "SR": 0.5, "BC": 0.5, "LFE": 0.0}
"""Share of a channel in the mix of more than two, by its name."""

Block = NDArray[np.int16]
"""Samples of each channel, ``int16 (C, S)`` at 16 kHz; of mono and stereo, their mix ``(1, S)``."""


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
    """Return the sound of a video or sound file in any format, of the track that players take.

    A file that cannot be read, has no track, or is silent has no signal. One that ends with an error, or before its
    header says, is used up to there. Samples that are not finite become 0, samples at or beyond 1 the largest 16-bit
    value, and less than 60 ms is padded with silence. Each of these is noted.

    Raises:
        UserError: The sound is longer than the limit.
    """
    blocks: list[Block] = []
    notes: dict[str, int] = {}
    names: list[str] = []
    try:
        with open_for_reading(path) as container:
            track = container.streams.best("audio")
            if not isinstance(track, av.AudioStream):
                return Sound(None, {NO_TRACK: 1})
            if not has_decoder(track):
                return Sound(None, {UNREADABLE: 1})
            _require_short(path, (container.duration or 0) / 1e6)
            names = [channel.name for channel in track.layout.channels]
            resampler = av.AudioResampler("s16p", "mono" if len(names) <= 2 else track.layout.name, SOUND_RATE)
            length = 0
            for frame in container.decode(track):
                blocks += (fresh := _resample(resampler, _sound_frame(frame, notes)))
                length += sum(block.shape[1] for block in fresh)
                _require_short(path, length / SOUND_RATE)
            blocks += _resample(resampler, None)
        if missing_bytes(path) or lacks_ogg_end(path):
            notes[BROKEN_OFF] = 1
    except (OSError, ValueError, av.FFmpegError):  # an error of PyAV is one of these three
        if not blocks:
            return Sound(None, {UNREADABLE: 1})
        notes[BROKEN_OFF] = 1
    guarded = guard(mix(np.concatenate(blocks, axis=1), names) if blocks else np.zeros(0, np.float32))
    return Sound(guarded.signal, notes | guarded.notes)


def mix(samples: Block, names: Sequence[str]) -> NDArray[np.float32]:
    """Return the mono signal ``float32 (S,)`` of channels, ``int16 (C, S)``, with these names."""
    if len(samples) == 1:
        return np.asarray(samples[0].astype(np.float32) / 2**15, np.float32)
    heard = [int(channel.max(initial=0)) - int(channel.min(initial=0)) > 2 for channel in samples]
    weights = np.array([WEIGHTS.get(name, 0.5) * there for name, there in zip(names, heard, strict=True)], np.float32)
    if not weights.any():
        weights[:] = 1
    return np.asarray(weights / weights.sum() @ samples.astype(np.float32) / 2**15, np.float32)


def _require_short(path: Path, seconds: float) -> None:
    """Check that a sound is not longer than the limit, before more of it is decoded."""
    if seconds > MOST_SOUND_SECONDS:
        raise UserError(
            f"{path} has {seconds / 60:,.0f} minutes of sound or more; at most {MOST_SOUND_SECONDS / 60:.0f} are read.",
            "Cut it to the clip, or leave the file out.",
        )


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


def _resample(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> list[Block]:
    """Return a frame resampled, or the resampler's rest for None."""
    return [np.asarray(out.to_ndarray(), np.int16) for out in resampler.resample(frame)]
