from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.data.clips import write_video
from tests.data.media.test_sound import tone, write_float_wav
from tta_bench.cards.kinds import SOUND_RATE
from tta_bench.data.features.cache import extract
from tta_bench.data.features.extractors import GAPS, ReadyFeatures, SoundFeatures
from tta_bench.data.media.sound import NO_TRACK, SHORT
from tta_bench.errors import UserError


def level(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.array([np.abs(signal).max(), signal.size], np.float32)


def test_sounds_become_features_and_what_has_none_is_noted(tmp_path: Path) -> None:
    sources = {
        "tone": write_float_wav(tmp_path / "tone.wav", tone(SOUND_RATE, 1.0, level=0.25)),
        "short": write_float_wav(tmp_path / "short.wav", tone(SOUND_RATE, 0.01, level=0.25)),
        "picture": write_video(tmp_path / "picture.mp4", frames=3),
    }
    found = extract(sources, SoundFeatures(level, {"name": "level"}), tmp_path / "cache", 2, "hearing")
    assert found.notes == {"short": {SHORT: 1}, "picture": {NO_TRACK: 1}}
    assert found.read("picture") is None
    np.testing.assert_allclose(found.read("tone"), [0.25, SOUND_RATE], atol=1e-3)  # type: ignore[arg-type]
    again = extract(sources, SoundFeatures(level, {"name": "level"}), tmp_path / "cache", 2, "hearing")
    assert (again.made, again.reused) == (0, 3)
    other = extract(sources, SoundFeatures(level, {"name": "other"}), tmp_path / "cache", 2, "hearing")
    assert (other.made, other.reused) == (3, 0)


@pytest.mark.parametrize(
    "wrong", [np.array([np.nan]), np.zeros((2, 2, 2)), np.zeros(0), np.array([1, np.inf]), np.float32(3)]
)
def test_an_audio_backbone_that_gives_something_else_is_told(tmp_path: Path, wrong: NDArray[np.floating]) -> None:
    path = write_float_wav(tmp_path / "tone.wav", tone(SOUND_RATE))
    with pytest.raises(UserError, match=r"the audio backbone gives shape"):
        SoundFeatures(lambda signal: wrong, {})(path)


def test_gaps_are_the_clips_own_means_and_counted() -> None:
    values = np.array([[1, np.nan, 5], [3, np.nan, np.inf], [np.nan, np.nan, 7]], np.float32)
    found, notes = ReadyFeatures(lambda path: values, {})(Path("x"))
    np.testing.assert_array_equal(found, [[1, 0, 5], [3, 0, 6], [2, 0, 7]])
    assert found.dtype == np.float32
    assert notes == {GAPS: 5}
