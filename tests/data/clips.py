"""Small real videos for the tests, in which every frame carries its own index as a row of light and dark bars."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
BITS = 10
WIDTH, HEIGHT = 160, 96


def barcode(index: int, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Return an RGB picture that shows a number below 1024; its corner is red, so that turning it shows."""
    picture = np.full((height, WIDTH, 3), 90, np.uint8)
    for bit in range(BITS):
        picture[height // 4 : height // 2, 8 + 14 * bit : 20 + 14 * bit] = 230 if index >> bit & 1 else 20
    picture[-16:, -16:] = (255, 0, 0)
    return picture


def read_barcode(picture: NDArray[np.uint8]) -> int:
    """Return the number that a picture shows."""
    row = picture[3 * picture.shape[0] // 8].mean(axis=1)
    return sum(int(row[14 + 14 * bit] > 125) << bit for bit in range(BITS))


def write_video(
    path: Path,
    frames: int = 40,
    codec: str = "mpeg4",
    pts: Sequence[int] | None = None,
    rotation: int = 0,
    height: int = HEIGHT,
    container_options: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Write a barcode video with the encoder's options; ``pts`` in milliseconds make its frame rate variable."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, height, "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        if pts:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(barcode(index, height), format="rgb24")
            if pts:
                frame.pts, frame.time_base = pts[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_repeated(path: Path, piece: Path, times: int) -> Path:
    """Write the packets of a video so many times in a row, which is as quick as copying them."""
    with av.open(str(piece)) as source, av.open(str(path), "w") as target:
        film = source.streams.video[0]
        packets = [packet for packet in source.demux(film) if packet.size]
        step = int(1 / (film.average_rate * film.time_base))
        coded = [(bytes(packet), packet.pts, packet.dts, packet.is_keyframe) for packet in packets]
        stream = target.add_stream_from_template(film)
        for number in range(times):
            for content, pts, dts, is_key in coded:
                packet = av.Packet(content)
                packet.pts, packet.dts = (time + number * len(coded) * step for time in (pts, dts))
                packet.stream, packet.time_base, packet.is_keyframe = stream, film.time_base, is_key
                target.mux(packet)
    return path


def write_packed_avi(path: Path, frames: int = 40) -> Path:
    """Write MPEG-4 with packed B-frames, as DivX and Xvid did for AVI.

    Each B-frame travels in the chunk of the reference frame that follows it in time, and an empty picture takes its
    place.
    """
    pictures = _mpeg4_pictures(frames)
    pictures[0] = pictures[0].replace(b"\0\0\1\xb3", b"\0\0\1\xb2DivX503b1393p\0\0\0\1\xb3", 1)
    chunks: list[bytes] = []
    for picture in pictures:
        if _picture_type(picture) == "B":
            chunks[-1] += picture
            chunks.append(b"\0\0\1\xb6\x50\x4f")
        else:
            chunks.append(picture)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.open()
        for time, chunk in enumerate(chunks):
            packet = av.Packet(chunk)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, time, time, Fraction(1, 25)
            container.mux(packet)
    return path


def _mpeg4_pictures(frames: int) -> list[bytes]:
    """Return the coded pictures of a barcode video in coding order: I P B P B ..."""
    encoder = av.CodecContext.create("mpeg4", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.options = {"bf": "1", "b_strategy": "0", "qmin": "3", "qmax": "3", "g": "12"}
    pictures = []
    for index in range(frames):
        frame = av.VideoFrame.from_ndarray(barcode(index), format="rgb24")
        frame.pts = index
        pictures += [bytes(packet) for packet in encoder.encode(frame)]
    return pictures + [bytes(packet) for packet in encoder.encode(None)]


def _picture_type(picture: bytes) -> str:
    """Return I, P or B from a coded picture's header."""
    return "IPBS"[picture[picture.index(b"\0\0\1\xb6") + 4] >> 6]


def write_audio(path: Path) -> Path:
    """Write a file that has sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        for block in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, 1024 * block
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut(source: Path, target: Path, share: float) -> Path:
    """Write the first part of a file, as a broken-off download leaves it."""
    content = source.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


def plain_decode(path: Path) -> Iterable[NDArray[np.uint8]]:
    """Yield all frames as PyAV gives them, converted one by one."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def link(clip: Path, names: Iterable[Path]) -> None:
    """Put a clip under many names."""
    for name in names:
        name.parent.mkdir(parents=True, exist_ok=True)
        os.link(clip, name)


def as_sent(value: T) -> T:
    """Return a value as a process gets it that was not forked: start methods of Windows and macOS pickle it."""
    received: T = ForkingPickler.loads(ForkingPickler.dumps(value))
    return received
