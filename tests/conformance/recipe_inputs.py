"""Inputs that the official code and this project are both run on: formulas, so that only results need storing."""

from __future__ import annotations

import numpy as np

UCF101 = {"lr": 5e-4, "min_lr": 1e-5, "batch": 128, "epochs": 100, "warmup": 5, "per_epoch": 9537 // 128}
HMDB51 = {"lr": 1e-3, "min_lr": 1e-5, "batch": 128, "epochs": 50, "warmup": 5, "per_epoch": 3570 // 128}
SCHEDULES = {"ucf101": UCF101, "hmdb51": HMDB51}

LENGTHS = range(1, 401)
SAMPLINGS = {"ucf101": (16, 4, 5), "hmdb51": (16, 2, 10)}
"""Frames, stride and test segments."""

FRAME_SHAPES = [
    (240, 320),
    (320, 240),
    (224, 224),
    (240, 427),
    (427, 240),
    (241, 321),
    (176, 144),
    (101, 103),
    (640, 35),
]
SIZE, CROPS = 224, 3

VIEWS = {"length": 23, "shape": (30, 44), "size": 24, "frames": 4, "stride": 3, "segments": 2, "crops": 3}

POLICY = "rand-m7-n4-mstd0.5-inc1"
LEVELS = (0.0, 2.4, 5.0, 6.3, 7.0, 7.7, 9.9)
IMAGE_SHAPE = (22, 27)
IMAGE_LEVELS = (3.0, 7.3)

SEEDS = range(1, 201)
CROP_SHAPES = [(240, 320), (320, 240), (60, 400)]
MIX_SIZE = (224, 192)
MIX_CLASSES, MIX_SMOOTHING = 9, 0.1
MIX_LABELS = (3, 1, 4, 1, 5, 8)
MIX_SHAPE = (6, 3, 1, 8, 6)
MIX_SEEDS = range(1, 13)

SCORES = (6, 15, 101)
"""Videos, views and classes."""


class Draws:
    """Random numbers by a formula, with as much of NumPy's ``Generator`` as the recipe asks for."""

    def __init__(self, seed: int) -> None:
        self.state = seed
        for _ in range(4):
            self.random()

    def random(self) -> float:
        self.state = (6364136223846793005 * self.state + 1442695040888963407) % 2**64
        return (self.state >> 11) / 2**53

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.random()

    def normal(self, mean: float, deviation: float) -> float:
        return mean + deviation * (sum(self.random() for _ in range(12)) - 6)

    def beta(self, a: float, b: float) -> float:
        """Not a beta distribution, but it tells other arguments apart."""
        return self.random() ** (a / (a + b) + 0.3 * a)

    def integers(self, low: int, high: int | None = None, size: int | None = None) -> int | list[int]:
        if size is not None:
            return [self.integers(low, high) for _ in range(size)]
        first, last = (0, low) if high is None else (low, high)
        return first + int(self.random() * (last - first))


def pixels(*shape: int) -> np.ndarray:
    """Return ``uint8`` pixels with slopes, edges and texture; the last axis is the channel."""
    total = np.zeros(shape)
    for axis, (step, place) in enumerate(zip((23, 7, 5, 61), np.indices(shape)[-4:], strict=False)):
        total += step * place + 40 * np.sin(place * (0.31 + 0.17 * axis))
    return (np.abs(total) % 211).round().astype(np.uint8)


def scores(*shape: int) -> np.ndarray:
    """Return logits from -8 to 8 in sixteenths, so that no precision is lost on the way to a softmax."""
    return (np.arange(np.prod(shape)).reshape(shape) * 7919 % 251 - 128) / 16
