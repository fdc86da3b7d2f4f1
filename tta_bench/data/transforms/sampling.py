"""Sampling of frames and of windows: the clips of a video, in training and in testing.

The dense rules are those of the official fine-tuning of VideoMAE (github.com/MCG-NJU/VideoMAE, kinetics.py), so that a
test score here is a score under the published protocol. The uniform ones are TSN's segments (Wang et al., "Temporal
Segment Networks", 2016), as protocols on Something-Something use them (VideoMAE's ssv2.py; MMAction2's UniformSample).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.decode import Pixels
from tta_bench.experiments.base import Sampling
from tta_bench.experiments.fine_tune import Control

Indices = NDArray[np.int64]


def train_indices(length: int, frames: int, stride: int, rng: np.random.Generator) -> Indices:
    """Draw the frames of a training clip: ``int64 (frames,)``.

    A clip spans ``frames * stride`` frames from a random start, first and last included, so that the true step is a
    little more than the stride. A shorter video is taken whole and its last frame repeated.

    Args:
        length: Counted frames of the video, at least 1.
        frames: Frames of the clip.
        stride: Nominal step from one frame to the next.
        rng: Draws the end of the clip; not asked for a short video.
    """
    span = frames * stride
    if length > span:
        end = int(rng.integers(span, length))
        return np.linspace(end - span, end, frames).clip(end - span, end - 1).astype(np.int64)
    whole = np.linspace(0, length, length // stride)
    padding = np.full(frames - len(whole), length)
    return np.concatenate([whole, padding]).clip(0, length - 1).astype(np.int64)


def test_indices(length: int, frames: int, stride: int, segments: int) -> Indices:
    """Return the frames of the test clips, evenly spaced over a video: ``int64 (segments, frames)``.

    Every ``stride``-th frame is a candidate, the last one repeated until there are enough for a clip; the first
    segment starts with the first candidate and the last ends with the last. A single segment, for which the official
    code has no rule, lies in the middle.

    Args:
        length: Counted frames of the video, at least 1.
        frames: Frames of a clip.
        stride: Step from one frame to the next.
        segments: Number of clips.
    """
    candidates = np.arange(0, length, stride)
    spare = max(len(candidates) - frames, 0)
    starts = [int(k * (spare / (segments - 1))) for k in range(segments)] if segments > 1 else [spare // 2]
    places = np.array(starts)[:, None] + np.arange(frames)
    frames_of: Indices = candidates[places.clip(max=len(candidates) - 1)]
    return frames_of


def draw_uniform(length: int, frames: int, stride: int, rng: np.random.Generator) -> Indices:
    """Draw a frame of each of ``frames`` equal segments of a video: ``int64 (frames,)``.

    A segment of less than a frame gives the frame that it begins in.

    Args:
        length: Counted frames of the video, at least 1.
        frames: Frames of the clip.
        stride: Not used: the segments give the step.
        rng: Draws a frame of each segment.
    """
    edges = np.arange(frames + 1, dtype=np.int64) * length // frames
    starts, ends = edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)
    return rng.integers(starts, ends)


def uniform_indices(length: int, frames: int, stride: int = 1, clips: int = 1) -> Indices:
    """Return the middle frame of each of ``frames`` equal segments of a video: ``int64 (clips, frames)``.

    Several clips divide each segment evenly, the k-th of n at (k + 1) / (n + 1) of it, as in MMAction2's UniformSample.

    Args:
        length: Counted frames of the video, at least 1.
        frames: Frames of a clip.
        stride: Not used: the segments give the step.
        clips: Number of clips.
    """
    parts = np.arange(frames, dtype=np.int64) * (clips + 1) + np.arange(1, clips + 1)[:, None]
    indices: Indices = parts * length // (frames * (clips + 1))
    return indices


class Sampler(NamedTuple):
    """The frame-index rules of a value of ``clip.sampling``."""

    train: Callable[[int, int, int, np.random.Generator], Indices]
    """Draws ``int64 (frames,)`` from length, frames and stride."""
    test: Callable[[int, int, int, int], Indices]
    """Gives ``int64 (segments, frames)`` from length, frames, stride and segments."""


SAMPLERS: Mapping[Sampling, Sampler] = {
    "dense": Sampler(train_indices, test_indices),
    "uniform": Sampler(draw_uniform, uniform_indices),
}


def apply_control(indices: Indices, control: Control, rng: np.random.Generator) -> Indices:
    """Return the frames of control clips, which show how much of a score is due to motion: ``int64 (..., frames)``.

    Args:
        indices: Frames of the clips ``int64 (..., frames)``.
        control: ``none`` leaves them alone, ``frozen`` repeats each clip's middle frame, ``reversed`` plays each
            backwards, ``shuffled`` permutes the frames of each.
        rng: Draws the permutations.
    """
    match control:
        case "none":
            return indices
        case "frozen":
            middle = indices.shape[-1] // 2
            return np.broadcast_to(indices[..., middle : middle + 1], indices.shape)
        case "reversed":
            return indices[..., ::-1]
        case "shuffled":
            return rng.permuted(indices, axis=-1)


def resized_shape(height: int, width: int, size: int) -> tuple[int, int]:
    """Return the height and width of a frame after its short side was resized to ``size``; the long side is floored."""
    if width < height:
        return int(size * height / width), size
    return size, int(size * width / height)


def resize_short_side(clip: Pixels, size: int) -> Pixels:
    """Resize the frames of a clip ``uint8 (T, H, W, 3)`` bilinearly until their short side is ``size`` pixels."""
    shape = resized_shape(clip.shape[1], clip.shape[2], size)
    if clip.shape[1:3] == shape:
        return clip
    resized = np.empty((len(clip), *shape, 3), np.uint8)
    for source, target in zip(clip, resized, strict=True):
        cv2.resize(source, shape[::-1], dst=target, interpolation=cv2.INTER_LINEAR)
    return resized


def resize_frame(frame: Pixels, size: int) -> Pixels:
    """Resize a frame ``uint8 (H, W, 3)`` as `resize_short_side` does."""
    return np.asarray(resize_short_side(frame[None], size)[0], np.uint8)


def crop_offsets(height: int, width: int, size: int, crops: int) -> list[tuple[int, int]]:
    """Return (top, left) of square windows evenly spaced along the long side; one window lies in the centre.

    Args:
        height: Height of the frame; the shorter of both sides is ``size``.
        width: Width of the frame.
        size: Side of a window.
        crops: Number of windows.
    """
    spare = max(height, width) - size
    offsets = [int(k * (spare / (crops - 1))) for k in range(crops)] if crops > 1 else [round(spare / 2)]
    return [(offset, 0) if height >= width else (0, offset) for offset in offsets]


def test_views(segments: Pixels, size: int, crops: int) -> Pixels:
    """Cut the views of a test video from its decoded frames: ``uint8 (segments * crops, T, size, size, 3)``.

    The crops of a segment follow each other. A single crop is a view of the resized frames, not a copy.

    Args:
        segments: Frames of each segment, ``uint8 (segments, T, H, W, 3)``.
        size: Height and width of a view.
        crops: Windows along the long side.
    """
    count, frames = segments.shape[:2]
    resized = resize_short_side(segments.reshape(-1, *segments.shape[2:]), size)
    resized = resized.reshape(count, frames, *resized.shape[1:])
    windows = [
        resized[:, :, top : top + size, left : left + size]
        for top, left in crop_offsets(resized.shape[2], resized.shape[3], size, crops)
    ]
    return windows[0] if crops == 1 else np.stack(windows, 1).reshape(-1, frames, size, size, 3)


def arranged_views(frames: Pixels, places: Indices, size: int, crops: int) -> Pixels:
    """Cut the views of a test video from frames of which each is there once: as `test_views` of ``frames[places]``.

    Args:
        frames: Frames ``uint8 (N, H, W, 3)``.
        places: The frames of each segment, ``int64 (segments, T)``.
        size: Height and width of a view.
        crops: Windows along the long side.
    """
    resized = resize_short_side(frames, size)
    offsets = crop_offsets(resized.shape[1], resized.shape[2], size, crops)
    views = np.empty((len(places), crops, places.shape[1], size, size, 3), np.uint8)
    for number, (top, left) in enumerate(offsets):
        window = resized[:, top : top + size, left : left + size]
        for segment, taken in enumerate(places.tolist()):
            for target, place in zip(views[segment, number], taken, strict=True):
                target[...] = window[place]
    return views.reshape(-1, *views.shape[2:])
