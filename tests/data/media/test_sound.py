from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.data.clips import cut, write_audio, write_video
from tta_bench.cards.kinds import SOUND_RATE
from tta_bench.data.media import sound
from tta_bench.data.media.sound import (
    BROKEN_OFF,
    CLIPPED,
    LOUDEST,
    NO_TRACK,
    NOT_FINITE,
    SHORT,
    SHORTEST,
    SILENT,
    UNREADABLE,
    guard,
    mix,
    read_sound,
)
from tta_bench.errors import UserError


def tone(rate: int, seconds: float = 1.0, onset: float = 0.0, level: float = 0.5) -> NDArray[np.float32]:
    time = np.arange(round(rate * seconds)) / rate
    return np.asarray(level * np.sin(2 * np.pi * 440 * time) * (time >= onset), np.float32)


def write_sound(path: Path, channels: NDArray[np.floating], rate: int, codec: str) -> Path:
    """Write ``(channels, S)`` with a codec; for WAV ``pcm_f32le`` keeps every value as it is."""
    with av.open(str(path), "w") as container:
        layout = "mono" if len(channels) == 1 else "stereo"
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels, np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_float_wav(path: Path, samples: NDArray[np.floating], rate: int = SOUND_RATE, width: int = 4) -> Path:
    """Write a mono WAV of floats of so many bytes, whose header has format 3."""
    data = samples.astype(f"<f{width}").tobytes()
    head = b"".join(
        [
            b"RIFF" + (36 + len(data)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little"),
            *(
                v.to_bytes(n, "little")
                for v, n in ((3, 2), (1, 2), (rate, 4), (width * rate, 4), (width, 2), (8 * width, 2))
            ),
            b"data" + len(data).to_bytes(4, "little"),
        ]
    )
    path.write_bytes(head + data)
    return path


def test_stereo_aac_of_an_mp4_becomes_mono_at_16_khz(tmp_path: Path) -> None:
    both = tone(44_100, 2, onset=0.5, level=0.9)
    sound = read_sound(write_sound(tmp_path / "a.mp4", np.stack([both, both]), 44_100, "aac"))
    assert sound.signal is not None
    assert sound.signal.dtype == np.float32
    assert sound.signal.size == pytest.approx(2 * SOUND_RATE, abs=0.05 * SOUND_RATE)
    assert np.abs(sound.signal).max() == pytest.approx(0.9, abs=0.03), "two equal channels must not get louder"
    assert np.flatnonzero(np.abs(sound.signal) > 0.1)[0] / SOUND_RATE == pytest.approx(0.5, abs=0.01)


def test_a_wav_of_16_bits_is_read_to_the_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(-(2**15), 2**15, 4000, dtype=np.int16)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOUND_RATE)
        file.writeframes(values.tobytes())
    sound = read_sound(tmp_path / "a.wav")
    assert sound.notes == {}
    assert sound.signal is not None
    np.testing.assert_array_equal(sound.signal, values / np.float32(2**15))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000])
def test_the_end_is_not_lost(tmp_path: Path, rate: int) -> None:
    sound = read_sound(write_float_wav(tmp_path / "a.wav", tone(rate, 1.5), rate))
    assert sound.signal is not None
    assert sound.signal.size == pytest.approx(1.5 * SOUND_RATE, abs=4)


@pytest.mark.parametrize("width", [4, 8])
def test_samples_at_or_beyond_1_are_counted_and_saturate(tmp_path: Path, width: int) -> None:
    loud = tone(SOUND_RATE, level=0.5)
    loud[100:110], loud[200:205], loud[300] = 1.0, -1.5, 7.0
    sound = read_sound(write_float_wav(tmp_path / "a.wav", loud, width=width))
    assert sound.notes == {CLIPPED: 16}
    assert sound.signal is not None
    assert (sound.signal[100:110] == LOUDEST).all()
    assert sound.signal.min() >= -1
    assert sound.signal.max() < 1


def test_samples_that_are_not_finite_are_counted_and_become_0(tmp_path: Path) -> None:
    broken = tone(SOUND_RATE)
    broken[50:60], broken[70] = np.nan, np.inf
    sound = read_sound(write_float_wav(tmp_path / "a.wav", broken))
    assert sound.notes == {NOT_FINITE: 11}
    assert sound.signal is not None
    assert not sound.signal[50:60].any()
    assert np.abs(sound.signal[:45] - broken[:45]).max() <= 2**-15


@pytest.mark.parametrize(("samples", "notes"), [(SHORTEST - 1, {SHORT: 1}), (SHORTEST, {}), (1, {SHORT: 1})])
def test_less_than_60_ms_is_filled_up(tmp_path: Path, samples: int, notes: dict[str, int]) -> None:
    sound = read_sound(write_float_wav(tmp_path / "a.wav", np.full(samples, 0.25, np.float32)))
    assert sound.notes == notes
    assert sound.signal is not None
    assert sound.signal.size == SHORTEST
    assert (sound.signal[:samples] == 0.25).all()
    assert not sound.signal[samples:].any()


def test_what_cannot_be_heard_has_no_signal(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_bytes(b"this is no sound")
    known = write_float_wav(tmp_path / "known.wav", np.full(SOUND_RATE, 0.25, np.float32)).read_bytes()
    (tmp_path / "codec.wav").write_bytes(known[:20] + b"\xfe\x7f" + known[22:])
    found = {
        "silent.wav": read_sound(write_float_wav(tmp_path / "silent.wav", np.zeros(SOUND_RATE, np.float32))),
        "nan.wav": read_sound(write_float_wav(tmp_path / "nan.wav", np.full(SOUND_RATE, np.nan, np.float32))),
        "silent.m4a": read_sound(write_audio(tmp_path / "silent.m4a")),
        "picture.mp4": read_sound(write_video(tmp_path / "picture.mp4", frames=5)),
        "nothing.wav": read_sound(write_float_wav(tmp_path / "nothing.wav", np.zeros(0, np.float32))),
        "empty.wav": read_sound(tmp_path / "empty.wav"),
        "text.wav": read_sound(tmp_path / "text.wav"),
        "codec.wav": read_sound(tmp_path / "codec.wav"),
        "absent.wav": read_sound(tmp_path / "absent.wav"),
    }
    assert [sound.signal for sound in found.values()] == [None] * 9
    assert {name: sound.notes for name, sound in found.items()} == {
        "silent.wav": {SILENT: 1},
        "nan.wav": {NOT_FINITE: SOUND_RATE, SILENT: 1},
        "silent.m4a": {SILENT: 1},
        "picture.mp4": {NO_TRACK: 1},
        "nothing.wav": {NO_TRACK: 1},
        "empty.wav": {UNREADABLE: 1},
        "text.wav": {UNREADABLE: 1},
        "codec.wav": {UNREADABLE: 1},
        "absent.wav": {UNREADABLE: 1},
    }


def test_a_sound_that_breaks_off_is_used_up_to_there(tmp_path: Path) -> None:
    whole = write_sound(tmp_path / "whole.flac", tone(SOUND_RATE, 4)[None], SOUND_RATE, "flac")
    sound = read_sound(cut(whole, tmp_path / "cut.flac", 0.5))
    assert sound.signal is not None
    assert 0.2 * 4 * SOUND_RATE < sound.signal.size < 0.8 * 4 * SOUND_RATE
    assert set(sound.notes) <= {BROKEN_OFF}


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.integers(0, 2000),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
        fill=st.just(np.float32(0.25)),
    )
)
def test_a_guarded_signal_suits_every_extractor(signal: NDArray[np.float32]) -> None:
    sound = guard(signal)
    if sound.signal is None:
        assert {SILENT, NO_TRACK} & sound.notes.keys()
        return
    assert sound.signal.size == max(signal.size, SHORTEST)
    assert np.isfinite(sound.signal).all()
    assert sound.signal.min() >= -1
    assert sound.signal.max() < 1
    again = guard(sound.signal)
    assert again.notes == {}
    np.testing.assert_array_equal(again.signal, sound.signal)  # type: ignore[arg-type]


@pytest.mark.parametrize("heard", [("FC",), ("FL", "FR"), ("FL", "FR", "FC", "BL", "BR")])
def test_silent_channels_have_no_part_in_the_mix(heard: tuple[str, ...]) -> None:
    names = ("FL", "FR", "FC", "LFE", "BL", "BR")
    signal = (tone(SOUND_RATE) * 2**15).astype(np.int16)
    mixed = mix(np.stack([signal if name in heard else 0 * signal for name in names]), names)
    np.testing.assert_allclose(mixed, signal / 2**15, atol=1e-4)


def test_sound_in_the_centre_of_five_is_as_loud_as_in_mono(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SOUND_RATE, layout="5.1")
        samples = np.zeros((1, 6 * SOUND_RATE), np.int16)
        samples[0, 2::6] = tone(SOUND_RATE) * 2**15
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="5.1")
        frame.sample_rate, frame.pts = SOUND_RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    signal = read_sound(tmp_path / "a.wav").signal
    assert signal is not None
    np.testing.assert_allclose(signal, tone(SOUND_RATE), atol=1e-3)


@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.mka", "flac")])
def test_a_file_that_was_not_copied_whole_is_broken_off(tmp_path: Path, name: str, codec: str) -> None:
    whole = tmp_path / name
    with av.open(str(whole), "w", format="matroska" if name.endswith("mka") else None) as container:
        stream = container.add_stream(codec, rate=SOUND_RATE, layout="mono")
        for start in range(0, SOUND_RATE, 1000):
            part = (tone(SOUND_RATE)[None, start : start + 1000] * 2**15).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.sample_rate, frame.pts = SOUND_RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert BROKEN_OFF not in read_sound(whole).notes
    assert read_sound(cut(whole, tmp_path / f"cut-{name}", 0.5)).notes[BROKEN_OFF] == 1


def test_hours_of_sound_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "MOST_SOUND_SECONDS", 2)
    monkeypatch.setattr(sound, "_resample", None)  # nothing is decoded
    for name in ("a.flac", "a.wav"):
        codec = "flac" if name == "a.flac" else "pcm_s16le"
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream(codec, rate=8000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 24_000), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8000, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        with pytest.raises(UserError, match=f"{name} has 0 minutes of sound or more"):
            read_sound(tmp_path / name)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mka"])
@pytest.mark.parametrize("default", [0, 1])
def test_of_several_tracks_the_default_one_is_heard(tmp_path: Path, suffix: str, default: int) -> None:
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("aac", rate=SOUND_RATE, layout="mono") for _ in range(2)]
        for number, stream in enumerate(tracks):
            stream.disposition = Disposition.default if number == default else Disposition(0)
        for stream, level in zip(tracks, (0.1, 0.4), strict=True):
            frame = av.AudioFrame.from_ndarray(tone(SOUND_RATE, level=level)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    signal = read_sound(path).signal
    assert signal is not None
    assert np.abs(signal[4000:12000]).max() == pytest.approx((0.1, 0.4)[default], rel=0.2)
