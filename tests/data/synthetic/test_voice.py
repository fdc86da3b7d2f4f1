from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tta_bench.data.synthetic.voice import Prosody, speak
from tta_bench.utils.keyed_random import generator

RATE = 16_000
CALM = Prosody(breath=0.0, vibrato=0.0, tilt=0.5, pitch=0.0, loudness=0.5)


def voice(**signs: float) -> NDArray[np.float32]:
    return speak(CALM._replace(**signs), 120.0, RATE, RATE, generator("voice"))


def spectrum(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.abs(np.fft.rfft(sound * np.hanning(len(sound))))


def test_a_voice_is_made_of_its_draws_and_within_range() -> None:
    sound = voice(loudness=1.0)
    assert (sound.shape, sound.dtype) == ((RATE,), np.float32)
    assert np.array_equal(sound, voice(loudness=1.0))
    assert np.abs(sound).max() < 1


def test_pitch_moves_the_fundamental_by_up_to_an_octave_and_a_fifth() -> None:
    assert spectrum(voice())[:400].argmax() == pytest.approx(120, abs=3)
    assert spectrum(voice(pitch=1.0))[:400].argmax() == pytest.approx(120 * 2**1.2, abs=3)


def test_loudness_spans_28_decibels() -> None:
    low, high = (np.sqrt(np.mean(voice(loudness=level) ** 2)) for level in (0.0, 1.0))
    assert 20 * np.log10(high / low) == pytest.approx(28, abs=0.5)


def test_tilt_weakens_high_harmonics_and_breath_fills_the_gaps_between_them() -> None:
    def share_above(sound: NDArray[np.float32], hertz: int) -> float:
        return float((spectrum(sound)[hertz:] ** 2).sum() / (spectrum(sound) ** 2).sum())

    assert share_above(voice(tilt=1.0), 1000) < 0.1 * share_above(voice(tilt=0.0), 1000)
    gap = slice(175, 185)  # between 120 and 240 Hz
    assert spectrum(voice(breath=1.0))[gap].mean() > 5 * spectrum(voice())[gap].mean()


def test_vibrato_widens_the_fundamental() -> None:
    peak, wide = spectrum(voice())[:400], spectrum(voice(vibrato=1.0))[:400]
    assert wide.max() < 0.8 * peak.max()
