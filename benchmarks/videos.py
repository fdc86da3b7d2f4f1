"""Videos of the kinds that corpora have, and the least that reading them can take: bare decoding of the same frames."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from tta_bench.data.media.decode import count_frames, frame_rate
from tta_bench.data.media.encode import FLAT_H264_MP4


def shared_clip(name: str) -> Path:
    """Return a clip of the shared data; a skip where there are none."""
    shared = Path(os.environ.get("TTA_BENCH_SHARED", Path(__file__).parents[2] / "shared"))
    video = shared / "data" / "clips" / name
    if not video.is_file():
        pytest.skip(f"no shared data at {shared}")
    return video


def ucf101_like(folder: Path) -> Path:
    """A clip of UCF101's kind: 164 frames of 320 x 240 pixels in MPEG-4, from the shared data."""
    return shared_clip("v_ApplyEyeMakeup_like_xvid_mp3.avi")


def kinetics_like(folder: Path) -> Path:
    """A clip of Kinetics' kind: 340 x 256 pixels, 280 frames, from the shared data."""
    return shared_clip("kinetics_like_h264.mp4")


def tiktok_like(folder: Path) -> Path:
    """A clip of TikTok's kind: upright, 576 x 1024 pixels, 15 seconds at 30 frames a second, 2.4 Mbit/s."""
    return moving_all_over(folder / "tiktok_like.mp4", {})


def tiktok_like_with_twice_the_bits(folder: Path) -> Path:
    """The same at 4.6 Mbit/s, where most of either side's time is H.264's arithmetic decoding."""
    return moving_all_over(folder / "tiktok_like_with_twice_the_bits.mp4", dict(FLAT_H264_MP4.encoders["libx264"]))


def moving_all_over(path: Path, options: dict[str, str]) -> Path:
    """Write 450 frames of waves and grain that move, as H.264 with these options over the encoder's defaults."""
    y, x = np.mgrid[:1024, :576].astype(np.float32)
    grain = np.random.default_rng(0).normal(0, 12, (1100, 640)).astype(np.float32)
    frame = np.empty((1024, 576, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 576, 1024, "yuv420p"
        for k in range(450):
            moved = grain[k % 70 : k % 70 + 1024, k % 60 : k % 60 + 576]
            for channel in range(3):
                waves = np.sin((x + 3 * k) / 47 + channel) * np.cos((y - 2 * k) / 61)
                frame[..., channel] = (120 + 70 * waves + moved).clip(0, 255)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def megabits(video: Path) -> float:
    """Return a video's mean rate in Mbit/s."""
    return 8 * video.stat().st_size / count_frames(video) * float(frame_rate(video)) / 1e6


class BareDecoding:
    """Decoding of frames by PyAV alone, from the last key frame before them: no conversion, no copy.

    Frames that are not wanted and that no other refers to are left out. What has to be known for this was looked up
    before.
    """

    def __init__(self, video: Path) -> None:
        self.video = video
        with av.open(str(video)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
            self.seeks = container.format.name != "avi"
        self.times = sorted(packet.pts or 0 for packet in packets) if self.seeks else [*range(len(packets))]
        self.keys = [packet.pts or 0 for packet in packets if packet.is_keyframe] if self.seeks else [0]

    def __call__(self, indices: Sequence[int]) -> int:
        """Decode these frames and return the number of all that were decoded."""
        wanted = {self.times[index] for index in indices}
        count = 0
        with av.open(str(self.video), options={"skip_frame": "all"}) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            if self.seeks:
                container.seek(max(key for key in self.keys if key <= min(wanted)), stream=stream)
            else:
                stream.codec_context.skip_frame = "DEFAULT"
            for packet in container.demux(stream):
                if self.seeks:
                    stream.codec_context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
                for frame in packet.decode():
                    wanted.discard(frame.pts if self.seeks else count)
                    count += 1
                if not wanted:
                    return count
        raise AssertionError("a frame was not found")
