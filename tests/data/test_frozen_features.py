from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.data.clips import write_video
from tests.data.test_audio import tone, write_float_wav
from tta_bench.data.audio import NO_TRACK, RATE, SHORT
from tta_bench.data.features import extract
from tta_bench.data.frozen_features import GAPS, ReadyFeatures, SoundFeatures, Standard
from tta_bench.errors import UserError


def level(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.array([np.abs(signal).max(), signal.size], np.float32)


def test_sounds_become_features_and_what_has_none_is_noted(tmp_path: Path) -> None:
    sources = {
        "tone": write_float_wav(tmp_path / "tone.wav", tone(RATE, 1.0, level=0.25)),
        "short": write_float_wav(tmp_path / "short.wav", tone(RATE, 0.01, level=0.25)),
        "picture": write_video(tmp_path / "picture.mp4", frames=3),
    }
    found = extract(sources, SoundFeatures(level, {"name": "level"}), tmp_path / "cache", 2, "hearing")
    assert found.notes == {"short": {SHORT: 1}, "picture": {NO_TRACK: 1}}
    assert found.read("picture") is None
    np.testing.assert_allclose(found.read("tone"), [0.25, RATE], atol=1e-3)  # type: ignore[arg-type]
    again = extract(sources, SoundFeatures(level, {"name": "level"}), tmp_path / "cache", 2, "hearing")
    assert (again.made, again.reused) == (0, 3)
    other = extract(sources, SoundFeatures(level, {"name": "other"}), tmp_path / "cache", 2, "hearing")
    assert (other.made, other.reused) == (3, 0)


@pytest.mark.parametrize(
    "wrong", [np.array([np.nan]), np.zeros((2, 2, 2)), np.zeros(0), np.array([1, np.inf]), np.float32(3)]
)
def test_an_audio_backbone_that_gives_something_else_is_told(tmp_path: Path, wrong: NDArray[np.floating]) -> None:
    path = write_float_wav(tmp_path / "tone.wav", tone(RATE))
    with pytest.raises(UserError, match=r"the audio backbone gives shape"):
        SoundFeatures(lambda signal: wrong, {})(path)


def test_gaps_are_the_clips_own_means_and_counted() -> None:
    values = np.array([[1, np.nan, 5], [3, np.nan, np.inf], [np.nan, np.nan, 7]], np.float32)
    found, notes = ReadyFeatures(lambda path: values, {})(Path("x"))
    np.testing.assert_array_equal(found, [[1, 0, 5], [3, 0, 6], [2, 0, 7]])
    assert found.dtype == np.float32
    assert notes == {GAPS: 5}


ROWS = hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.just(3)), elements=st.floats(-100, 100, width=16))


@settings(max_examples=50, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=5))
def test_training_rows_get_mean_0_and_deviation_1(clips: list[NDArray[np.float32]]) -> None:
    rows = np.concatenate(clips).astype(np.float64)
    standard = Standard.fit({str(n): clip for n, clip in enumerate(clips)} | {"none": None})
    np.testing.assert_allclose(standard.mean, rows.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(standard.deviation, rows.std(axis=0), atol=1e-9)
    scaled = np.concatenate([standard.apply(clip) for clip in clips])
    moved = rows.std(axis=0) > 1e-3 * np.abs(rows).max(axis=0).clip(1e-3)
    np.testing.assert_allclose(scaled.mean(axis=0)[moved], 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0)[moved], 1, atol=1e-3)
    assert np.isfinite(scaled).all()


def test_a_feature_that_never_changed_gives_0() -> None:
    train = {str(n): np.array([0.1, 1e-9 * n, n], np.float32) for n in range(3)}
    standard = Standard.fit(train)
    np.testing.assert_allclose(standard.apply(np.array([7, 2e-9, 1])), [0, np.sqrt(1.5), 0], atol=1e-6)


def test_vectors_and_sequences_are_standardised_alike() -> None:
    standard = Standard.fit({"a": np.array([[1.0, 2.0], [3.0, 6.0]])})
    np.testing.assert_array_equal(standard.apply(np.array([3.0, 2.0])), [1, -1])
    np.testing.assert_array_equal(standard.apply(np.array([[3.0, 2.0], [2.0, 4.0]])), [[1, -1], [0, 0]])


def test_features_of_different_widths_and_none_at_all_are_told() -> None:
    with pytest.raises(UserError, match=r"different widths: 2 in 1 \(a\); 3 in 2 \(b, c\)"):
        Standard.fit({"a": np.zeros(2), "b": np.zeros(3), "c": np.zeros((4, 3))})
    with pytest.raises(UserError, match="none of the 2 training clips"):
        Standard.fit({"a": None, "b": None})
