from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.data.clips import cut, write_video
from tta_bench.data.media.stated_size import OGG, Missing, lacks_ogg_end, missing_bytes


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.avi", "mpeg4")])
def test_a_cut_file_tells_how_much_is_missing(tmp_path: Path, name: str, codec: str) -> None:
    whole = write_video(tmp_path / name, codec=codec)
    assert missing_bytes(whole) is None
    part = cut(whole, tmp_path / f"cut-{name}", 0.6)
    assert missing_bytes(part) == (part.stat().st_size, whole.stat().st_size)
    assert str(Missing(1200, 3400)) == "1,200 of 3,400 bytes are there"


@pytest.mark.parametrize("name", ["a.ts", "a.MTS"])
def test_a_transport_stream_that_ends_within_a_packet(tmp_path: Path, name: str) -> None:
    whole = write_video(tmp_path / "whole.ts", codec="libx264").read_bytes()
    (tmp_path / name).write_bytes(whole)
    assert missing_bytes(tmp_path / name) is None
    (tmp_path / name).write_bytes(whole[:-100])
    assert missing_bytes(tmp_path / name) == (len(whole) - 100, len(whole))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF\xff\xff\xff\xffWAVE",
        b"RIFF\0\0\0\0WAVE",
        b"\x1a\x45\xdf\xa3",
        b"\x1a\x45\xdf\xa3\x18\x53\x80\x67\x01" + b"\xff" * 7,
        b"ts" * 500,
    ],
)
def test_sizes_that_are_not_known_say_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ts").write_bytes(content)
    assert missing_bytes(tmp_path / "a.ts") is None


def write_opus(path: Path, seconds: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48_000)
        for number in range(seconds * 50):
            noise = np.random.default_rng(number).normal(0, 0.1, (1, 960)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format="flt", layout="mono")
            frame.sample_rate = 48_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.ogg", "a.opus"])
def test_an_ogg_file_that_is_cut_between_two_pages(tmp_path: Path, name: str) -> None:
    whole = write_opus(tmp_path / name, 4)
    assert not lacks_ogg_end(whole)
    content = whole.read_bytes()
    last = content.rindex(OGG)
    for size in (last, last - 40, last + 2):
        (tmp_path / "cut.ogg").write_bytes(content[:size])
        assert lacks_ogg_end(tmp_path / "cut.ogg")


def test_other_files_lack_no_end(tmp_path: Path) -> None:
    assert not lacks_ogg_end(write_video(tmp_path / "a.mp4"))
    (tmp_path / "empty.ogg").touch()
    assert not lacks_ogg_end(tmp_path / "empty.ogg")
