"""The embedded sample: small real videos in UCF101's layout whose classes differ only in how something moves.

Eight classes in four pairs, each the other played backwards. One bright object moves over a dark background. A group
shares its background and its three objects across all classes, and in mid-clip the object's place and size have one
distribution for all classes, so neither appearance nor the middle frame tells the class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.encode import MPEG4_AVI, write_video
from tta_bench.data.synthetic.settings import fill
from tta_bench.errors import UserError
from tta_bench.utils.keyed_random import generator
from tta_bench.utils.progress import Bar

MOTIONS_VERSION = 1
"""Raised whenever the same settings would give other frames."""

PAIRS = (
    ("MoveLeft", "MoveRight"),
    ("MoveUp", "MoveDown"),
    ("CircleClockwise", "CircleCounterclockwise"),
    ("ZoomIn", "ZoomOut"),
)

REVERSED_CLASS: dict[str, str] = {name: other for pair in PAIRS for name, other in (pair, pair[::-1])}
"""The class that a clip belongs to when it is played backwards."""

CLASSES = tuple(sorted(REVERSED_CLASS))
SPRITES = 3
SPRITE_SIDE = 48
OBJECT_SIDE = 0.7
"""Half the object's mean width over half the sprite's, which leaves room for its bumps."""

SHAKE_MARGIN = 6
"""Pixels of background beyond the frame's edge, for the camera's shake."""


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """Settings of the sample; these values are the data's identity.

    Each class has ``clips`` in each of the ``groups``, and is tested on ``test_groups`` of these. ``width``
    and ``height`` are in pixels, ``fps`` in frames a second.
    """

    version: int = MOTIONS_VERSION
    seed: int = 0
    groups: int = 5
    test_groups: int = 2
    clips: int = 4
    frames: int = 48
    width: int = 96
    height: int = 72
    fps: int = 25


def read_settings(settings: Mapping[str, Any]) -> SampleSettings:
    """Return settings from plain values with the defaults filled in; raises UserError for those that cannot be."""
    sample = fill(SampleSettings, settings, MOTIONS_VERSION, "sample videos")
    if not 0 < sample.test_groups < sample.groups or sample.clips < 1 or sample.frames < 2 or sample.fps < 1:
        raise UserError(f"no sample videos can be made from {asdict(sample)}.", "Both lists need a group and clips.")
    if sample.width < 16 or sample.height < 16 or sample.width % 2 or sample.height % 2:
        raise UserError(f"sample videos need an even size of at least 16, not {sample.width}x{sample.height}.")
    return sample


def generate_ucf101_sample(folder: Path, settings: SampleSettings | None = None) -> Path:
    """Write the sample's videos and lists into a new folder, in UCF101's official layout, and return that folder."""
    settings = settings or SampleSettings()
    write_lists(folder / "ucfTrainTestlist", settings)
    with Bar("making sample videos", len(CLASSES) * settings.groups * settings.clips, "clips") as bar:
        for name in CLASSES:
            (folder / "UCF-101" / name).mkdir(parents=True)
            for group in range(1, settings.groups + 1):
                for clip in range(1, settings.clips + 1):
                    path = folder / "UCF-101" / name / clip_name(name, group, clip)
                    write_video(path, render_clip(settings, name, group, clip), settings.fps, MPEG4_AVI)
                    bar.advance()
    return folder


def write_lists(folder: Path, settings: SampleSettings) -> None:
    """Write classInd.txt and split 1's lists as UCF101 has them: CRLF, labels from 1, no labels in the test list."""
    classes: list[str] = []
    train: list[str] = []
    test: list[str] = []
    for label, name in enumerate(CLASSES, start=1):
        classes.append(f"{label} {name}")
        for group in range(1, settings.groups + 1):
            paths = [f"{name}/{clip_name(name, group, clip)}" for clip in range(1, settings.clips + 1)]
            if group <= settings.test_groups:
                test += paths
            else:
                train += [f"{path} {label}" for path in paths]
    folder.mkdir(parents=True)
    for file, lines in (("classInd.txt", classes), ("trainlist01.txt", train), ("testlist01.txt", test)):
        (folder / file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\r\n")


def clip_name(name: str, group: int, clip: int) -> str:
    """Return UCF101's file name for a clip, e.g. ``v_MoveLeft_g01_c02.avi``."""
    return f"v_{name}_g{group:02d}_c{clip:02d}.avi"


def render_clip(settings: SampleSettings, name: str, group: int, clip: int) -> NDArray[np.uint8]:
    """Return one clip, ``uint8 (frames, height, width, 3)`` RGB."""
    look = generator("ucf101_sample", settings.seed, group)
    background = draw_background(look, settings.width + 2 * SHAKE_MARGIN, settings.height + 2 * SHAKE_MARGIN)
    sprites = [draw_sprite(look) for _ in range(SPRITES)]
    draw = generator("ucf101_sample", settings.seed, name, group, clip)
    sprite, angle = sprites[int(draw.integers(SPRITES))], draw.uniform(0, 2 * np.pi)
    size = (settings.width, settings.height)
    return np.stack(
        [draw_frame(background, sprite, angle, state, size) for state in trajectory(name, draw, settings.frames)]
    )


def trajectory(name: str, draw: np.random.Generator, frames: int) -> NDArray[np.float64]:
    """Return ``(frames, 5)``: the object's x, y and radius in half heights, the camera's shift in x and y in pixels.

    x and y point right and down from the frame's centre. In mid-clip the object is on a ring round the centre; the ring
    and the object's radius have one distribution for all classes. The second class of a pair walks backwards the path
    that the first one gets from the same draws.
    """
    forward = next(pair[0] for pair in PAIRS if name in pair)
    time = np.linspace(-0.5, 0.5, frames)
    centre, ring, phase = draw.uniform(-0.1, 0.1, 2), draw.uniform(0.22, 0.38), draw.uniform(0, 2 * np.pi)
    shake = camera_shake(draw, time)
    radius = np.full(frames, draw.uniform(0.3, 0.42))
    amount = draw.uniform()
    angle = np.full(frames, phase)
    move = np.zeros((frames, 2))
    match forward:
        case "MoveLeft":
            move[:, 0] = -(0.9 + 0.4 * amount) * time
        case "MoveUp":
            move[:, 1] = -(0.9 + 0.4 * amount) * time
        case "CircleClockwise":  # y points down, so a growing angle turns clockwise
            angle = angle + (4.0 + 4.0 * amount) * time
        case _:
            radius = radius * (2.2 + 0.8 * amount) ** time
    position = centre + ring * np.stack([np.cos(angle), np.sin(angle)], axis=1) + move
    path = np.column_stack([position, radius, shake])
    return path if name == forward else path[::-1]


def camera_shake(draw: np.random.Generator, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(frames, 2)``: a slow wobble of up to 2 pixels in x and y that looks the same played backwards."""
    waves = draw.uniform((0.3, 1.0, 0.0), (1.0, 3.0, 1.0), (2, 2, 3))
    return np.stack([sum(a * np.sin(2 * np.pi * (f * time + p)) for a, f, p in axis) for axis in waves], axis=1)


def draw_background(draw: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """Return a dark background of smooth noise, ``float32 (height, width, 3)`` between 0 and 0.35."""
    noise = np.zeros((height, width, 3), np.float32)
    for columns, rows, low, high in ((5, 4, 0.0, 0.35), (16, 12, -0.04, 0.04)):
        coarse = draw.uniform(low, high, (rows, columns, 3)).astype(np.float32)
        noise += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return noise.clip(0.0, 0.35)


def draw_sprite(draw: np.random.Generator) -> NDArray[np.float32]:
    """Return a bright blob, ``float32 (side, side, 4)``: colour (0.35 to 1) times opacity, and opacity."""
    y, x = (np.mgrid[:SPRITE_SIDE, :SPRITE_SIDE] + 0.5) / (SPRITE_SIDE / 2) - 1
    theta = np.arctan2(y, x)
    edge = np.full_like(x, OBJECT_SIDE)
    for bumps in (2, 3, 5):
        edge += draw.uniform(0.02, 0.09) * np.cos(bumps * theta + draw.uniform(0, 2 * np.pi))
    opacity = np.clip((edge - np.hypot(x, y)) * SPRITE_SIDE / 4, 0.0, 1.0)[..., None]
    one, other = draw.uniform(0.35, 1.0, (2, 3))
    lean = draw.uniform(0, 2 * np.pi)
    blend = np.clip(0.5 + np.cos(lean) * x + np.sin(lean) * y, 0.0, 1.0)[..., None]
    colour = one * blend + other * (1 - blend)
    return np.concatenate([colour * opacity, opacity], axis=2).astype(np.float32)


def draw_frame(
    background: NDArray[np.float32],
    sprite: NDArray[np.float32],
    angle: float,
    state: NDArray[np.float64],
    size: tuple[int, int],
) -> NDArray[np.uint8]:
    """Return one frame, ``uint8 (height, width, 3)``, of a size (width, height): the object, turned by an angle."""
    width, height = size
    x, y, radius, shift_x, shift_y = state
    scale = radius * (height / 2) / (OBJECT_SIDE * SPRITE_SIDE / 2)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([(width + x * height) / 2 + shift_x, (height + y * height) / 2 + shift_y]) - 0.5
    offset = middle - turn @ np.full(2, (SPRITE_SIDE - 1) / 2)
    blob = cv2.warpAffine(sprite, np.column_stack([turn, offset]), size)
    camera = np.array([[1.0, 0.0, shift_x - SHAKE_MARGIN], [0.0, 1.0, shift_y - SHAKE_MARGIN]])
    behind = cv2.warpAffine(background, camera, size)
    picture = behind * (1 - blob[..., 3:]) + blob[..., :3]
    return np.asarray(np.rint(255 * picture.clip(0.0, 1.0)), np.uint8)
