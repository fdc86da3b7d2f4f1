from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tta_bench.cards.kinds import SOUND_RATE
from tta_bench.data.media.decode import frame_rate, read_frames
from tta_bench.data.media.encode import FLAT_H264_MP4, MPEG4_AVI, MPEG4_MP4, Encoding, h264, write_video
from tta_bench.data.media.sound import read_sound


def picture(index: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A grey picture, lighter from frame to frame."""
    return np.full((height, width, 3), 40 + 15 * index, np.uint8)


@pytest.mark.parametrize("encoding", [MPEG4_AVI, MPEG4_MP4, FLAT_H264_MP4, h264("matroska"), h264("mp4")])
def test_frames_come_back_in_order_and_at_their_rate(tmp_path: Path, encoding: Encoding) -> None:
    path = tmp_path / "video"
    write_video(path, (picture(index) for index in range(10)), Fraction(30000, 1001), encoding)
    assert abs(float(frame_rate(path)) - 29.97) < 0.01
    levels = read_frames(path, range(10)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(levels, 40 + 15 * np.arange(10), atol=3)


def test_an_odd_last_row_and_column_are_dropped(tmp_path: Path) -> None:
    write_video(tmp_path / "odd.mp4", [picture(0, 33, 47)], 25, h264("mp4"))
    assert read_frames(tmp_path / "odd.mp4", [0]).shape == (1, 32, 46, 3)


def test_equal_frames_give_equal_bytes_without_date_or_version(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_video(tmp_path / name, map(picture, range(4)), 12.5, MPEG4_MP4, np.zeros(SOUND_RATE, np.float32))
    content = (tmp_path / "one").read_bytes()
    assert content == (tmp_path / "other").read_bytes()
    assert b"Lavf" not in content


def test_sound_is_aac_at_the_rate_of_all_sounds(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 / SOUND_RATE * np.arange(SOUND_RATE)).astype(np.float32)
    write_video(tmp_path / "tone.mp4", map(picture, range(10)), 10, MPEG4_MP4, tone)
    with av.open(str(tmp_path / "tone.mp4")) as file:
        assert (file.streams.audio[0].codec_context.name, file.streams.audio[0].rate) == ("aac", SOUND_RATE)
    signal = read_sound(tmp_path / "tone.mp4").signal
    assert signal is not None
    assert np.abs(np.fft.rfft(signal[:SOUND_RATE])).argmax() == pytest.approx(440, abs=2)


def test_the_first_available_encoder_is_used(tmp_path: Path) -> None:
    encoding = Encoding("mp4", {"no_such_encoder": {}, "mpeg4": {"qmin": "2", "qmax": "3"}})
    write_video(tmp_path / "a.mp4", [picture(0)], 25, encoding)
    with av.open(str(tmp_path / "a.mp4")) as file:
        assert file.streams.video[0].codec_context.name == "mpeg4"
