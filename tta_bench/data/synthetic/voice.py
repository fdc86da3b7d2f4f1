"""A voice made of harmonics and breath, whose sound follows five numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SYLLABLES = 2.0
"""Syllables in a second."""

VIBRATO = 5.5
"""Swings of the pitch in a second."""


class Prosody(NamedTuple):
    """Audible signs, each from 0 to 1."""

    breath: float
    """Share of breath in the voice."""
    vibrato: float
    """Depth of the pitch's swings, up to 1.5 semitones."""
    tilt: float
    """Decay of the harmonics, from 1/k to 1/k^2.5."""
    pitch: float
    """Height above the person's own pitch, up to 1.2 octaves."""
    loudness: float
    """Level, over 28 dB."""


def speak(prosody: Prosody, base: float, samples: int, rate: int, draw: np.random.Generator) -> NDArray[np.float32]:
    """Return a voice, ``float32 (samples,)`` within -1 to 1, that says syllables on one vowel.

    Args:
        prosody: The audible signs.
        base: The person's own pitch in Hz.
        samples: Length of the sound.
        rate: Samples in a second.
        draw: Draws the phases of vibrato and syllables, and the breath.
    """
    from scipy.signal import lfilter  # costs .9 s, and other runs do not need it

    time = np.arange(samples) / rate
    swing = 1.5 / 12 * prosody.vibrato * np.sin(2 * np.pi * (VIBRATO * time + draw.uniform()))
    pitch = base * 2 ** (1.2 * prosody.pitch + swing)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    order = np.arange(1, int(0.45 * rate / pitch.max()) + 1)
    weights = order ** -(1 + 1.5 * prosody.tilt)
    voice = sum(weight * np.sin(k * phase) for k, weight in zip(order, weights, strict=True))
    breath = lfilter([1.0], [1.0, -0.7], draw.normal(size=samples))
    share = 0.02 + 0.5 * prosody.breath
    mixed = (1 - share) * voice / np.std(voice) + share * breath / np.std(breath)
    syllables = 0.15 + 0.85 * np.sin(np.pi * (SYLLABLES * time + draw.uniform())) ** 2
    level = 10 ** ((-44 + 28 * prosody.loudness) / 20)
    return np.asarray((level * mixed * syllables).clip(-0.98, 0.98), np.float32)
