"""Frames and windows of pre-training's clips against what the official VideoMAE V2 code computes on the same draws."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conformance.figures import official_figures
from tta_bench.experiments.pretrain import PretrainSettings
from tta_bench.protocols.pretrain import clips

HERE = Path(__file__).parent
SCALES = PretrainSettings.model_fields["scales"].default
GIVEN = SimpleNamespace(**runpy.run_path(str(HERE / "pretraining_inputs.py")))


@pytest.fixture(scope="module")
def official():
    return official_figures("pretraining_clips")


@pytest.mark.parametrize("name", GIVEN.SAMPLINGS)
def test_frame_indices_with_the_same_random_start(official, name):
    ours = [clips.pretrain_indices(length, *GIVEN.SAMPLINGS[name], GIVEN.Draws(length)) for length in GIVEN.LENGTHS]
    np.testing.assert_array_equal(ours, official[f"indices_{name}"])


def test_windows_with_the_same_draws(official):
    ours = [
        [clips.draw_window(*shape, GIVEN.SIZE, SCALES, GIVEN.Draws(seed)) for seed in GIVEN.SEEDS]
        for shape in GIVEN.FRAME_SHAPES
    ]
    np.testing.assert_array_equal(ours, official["windows"])


@pytest.mark.parametrize("name", ["views", "small_views"])
def test_pixels_of_views(official, name):
    inputs = getattr(GIVEN, name.upper())
    frames = GIVEN.pixels(*inputs["shape"])
    for seed, theirs in zip(inputs["seeds"], official[name], strict=True):
        window = clips.draw_window(*frames.shape[1:3], inputs["size"], SCALES, GIVEN.Draws(seed))
        difference = np.abs(clips.cut(frames, window, inputs["size"]).numpy().astype(int) - theirs)
        assert difference.max() <= 2  # both round weights to 8 bits or so, not in the same way
        assert difference.mean() < 0.05
