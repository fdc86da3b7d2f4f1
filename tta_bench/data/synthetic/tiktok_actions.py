"""The embedded sample of TikTokActions: the motions of `tta_bench.data.synthetic.ucf101` as hashtags, in mp4 files.

Backgrounds are flat. Where a patch is nearly but not quite flat, the normalised target of masked pre-training is
amplified noise, from which a small network learns nothing. Every clip has a background and an object of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.encode import FLAT_H264_MP4, write_video
from tta_bench.data.synthetic.ucf101 import CLASSES, SHAKE_MARGIN, SampleSettings, draw_frame, draw_sprite, trajectory
from tta_bench.utils.keyed_random import generator
from tta_bench.utils.progress import Bar

FIRST_ID = 7_100_000_000_000_000_000


def generate_tiktok_actions_sample(folder: Path, settings: SampleSettings) -> Path:
    """Write the sample's clips into a new folder, ``<hashtag>/<id>.mp4``, and return that folder."""
    each = settings.groups * settings.clips
    with Bar("making sample videos", len(CLASSES) * each, "clips") as bar:
        for label, name in enumerate(CLASSES):
            (folder / hashtag(name)).mkdir(parents=True)
            for number in range(each):
                path = folder / hashtag(name) / f"{FIRST_ID + 1000 * label + number}.mp4"
                write_video(path, render_clip(settings, name, number), settings.fps, FLAT_H264_MP4)
                bar.advance()
    return folder


def hashtag(name: str) -> str:
    """Return a class's hashtag, e.g. ``circleclockwise``."""
    return re.sub(r"\W", "", name).lower()


def render_clip(settings: SampleSettings, name: str, number: int) -> NDArray[np.uint8]:
    """Return one clip, ``uint8 (frames, height, width, 3)`` RGB."""
    draw = generator("tiktok_actions_sample", settings.seed, name, number)
    colour = draw.uniform(0.0, 0.35, 3).astype(np.float32)
    height, width = settings.height + 2 * SHAKE_MARGIN, settings.width + 2 * SHAKE_MARGIN
    background = np.broadcast_to(colour, (height, width, 3)).copy()
    sprite, angle = draw_sprite(draw), draw.uniform(0, 2 * np.pi)
    path = trajectory(name, draw, settings.frames)
    path[:, 3:] = 0  # a camera that shakes before nothing would only add the edges of the picture
    size = (settings.width, settings.height)
    return np.stack([draw_frame(background, sprite, angle, state, size) for state in path])
