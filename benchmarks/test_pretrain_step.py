"""A pre-training step of ViT-B beside the official code's and its own floor, turn by turn, on the same clips."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks.apart import Calls, apart
from benchmarks.floor import WITH_ATTENTION, with_floors
from benchmarks.interleaved import Turns, as_table, speed, taken
from benchmarks.official_pretraining import OFFICIAL, checkout, official_step
from benchmarks.precisions import needs_bfloat16
from tta_bench.data.datasets.corpus import Clip
from tta_bench.engine.device import Machine
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.pretrain import PretrainSettings
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.protocols.pretrain.clips import PretrainClips
from tta_bench.protocols.pretrain.model import MaskedAutoencoder
from tta_bench.protocols.pretrain.step import PretrainStep, PretrainStepSettings, pretraining

OURS = "tta-bench"
CLIPS = int(os.environ.get("TTA_BENCH_CLIPS", "4"))
"""Clips in a step."""


def measured(precision: str) -> Turns:
    """Return what a step took in five rounds, ours and the official one, each in a process of its own."""
    if checkout() is None:
        pytest.skip(f"{OFFICIAL}: not measured (no VideoMAEv2 in TTA_BENCH_PEERS)")
    return taken(
        apart(partial(official_calls, precision)) | apart(partial(with_floors, OURS, ours, precision)), rounds=5, warm=2
    )


@contextmanager
def official_calls(precision: str) -> Iterator[Calls]:
    """Hold the official step."""
    folder = checkout()
    assert folder is not None
    yield {OFFICIAL: partial(official_step(folder, some_clips()), precision)}


def ours() -> Callable[[str], object]:
    """Return our step on those clips."""
    return our_step(some_clips())


def some_clips() -> Tensor:
    """Return the clips of a step, the same at each call."""
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (CLIPS, 16, 224, 224, 3), dtype=torch.uint8, generator=draw)


def our_step(clips: Tensor, prepare: Callable[[nn.Module], object] = lambda model: None) -> Callable[[str], object]:
    """Return a call that does one of our steps in a precision: the loss, its gradient, AdamW.

    Args:
        clips: The clips, on the device that is computed on.
        prepare: Called with the model beforehand, as to compile it.
    """
    recipe = PretrainSettings(batch=len(clips), views=1, steps=1, lr=1e-3)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    autoencoder = MaskedAutoencoder(VideoMAEV2(), (8, 14, 14))
    extent = ResolvedClip(span=64, frames=16, stride=4, size=224)
    listed = PretrainClips([Clip("", Path())] * len(clips), {}, extent, recipe, 0)  # never asked for a clip
    prepare(autoencoder)
    trainings = {}
    for precision in ("fp32", "bf16"):
        machine = Machine(clips.device, precision)
        settings = PretrainStepSettings(train=recipe, seed=0, micro_batch=len(clips), machine=machine)
        step = PretrainStep(autoencoder, settings, mean, std).to(clips.device)
        trainings[precision] = pretraining(step, listed)
        trainings[precision].optimizer.set_rate(recipe.lr)

    def run(precision: str) -> object:
        training = trainings[precision]
        return training.step.train_step({"clips": clips[:, None]}, training.optimizer)

    return run


def require(turns: Turns, wanted: float) -> None:
    """Print what steps took, and fail where ours is neither so many times as fast nor near its floor."""
    print(as_table(turns, OURS))
    ratio, near = speed(turns, OURS, OFFICIAL), speed(turns, OURS, WITH_ATTENTION)
    assert ratio.processor >= wanted or near.processor >= 0.85


def test_a_step_in_float32_is_quicker_than_the_official_one_or_near_its_floor() -> None:
    print(f"\npre-training step of ViT-B, {CLIPS} clips of 16 x 224, {torch.get_num_threads()} threads, float32:")
    require(measured("fp32"), 1.3)


@needs_bfloat16
def test_a_step_in_bfloat16_is_quicker_than_the_official_one_or_near_its_floor() -> None:
    print("\nthe same in bfloat16:")
    require(measured("bf16"), 1.2)
