"""Our encoder against the official one's figures, on parameters and clips that a formula gives."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.conformance.figures import official_figures
from tta_bench.models.backbones.videomae import VideoMAEV2, sinusoid_positions
from tta_bench.models.classifier import Classifier

TOLERANCE = 1e-5  # the two agree to 4e-7; GELU's tanh approximation would differ by 7e-5
HERE = Path(__file__).parent
MAKER = runpy.run_path(str(HERE / "make_encoder_figures.py"))
CASES = MAKER["CASES"]


@pytest.fixture(scope="module")
def official():
    return official_figures("encoder")


def fill_with_official_names(classifier: nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in classifier.named_parameters():
            parameter.copy_(MAKER["fill"](name.removeprefix("backbone."), tuple(parameter.shape)))


@pytest.mark.parametrize("label", CASES)
def test_outputs_and_every_gradient_norm_equal_the_official_ones(official, label):
    case = CASES[label]
    classifier = Classifier(VideoMAEV2(**case), case["width"], MAKER["CLASSES"])
    fill_with_official_names(classifier)
    ours = MAKER["figures"](classifier, MAKER["make_clip"](case))
    logits = official[f"{label}/logits"]
    assert np.linalg.norm(ours["logits"] - logits) <= TOLERANCE * np.linalg.norm(logits)
    gradients = dict(zip((name.removeprefix("backbone.") for name in ours["names"]), ours["norms"], strict=True))
    expected = dict(zip(official[f"{label}/names"].tolist(), official[f"{label}/norms"], strict=True))
    assert gradients.keys() == expected.keys()
    for name, norm in expected.items():
        assert gradients[name] == pytest.approx(norm, rel=TOLERANCE), name


def test_the_figures_depend_on_the_clip_and_on_every_parameter(official):
    for label in CASES:
        first, second = official[f"{label}/logits"]
        assert np.abs(first - second).max() > 0.01 * np.abs(first).max()
        assert official[f"{label}/norms"].min() > 1e-5


def test_positions_equal_the_official_ones(official):
    ours = sinusoid_positions(1568, 768, torch.device("cpu"))[MAKER["TABLE_ROWS"], MAKER["TABLE_COLUMNS"]]
    np.testing.assert_allclose(ours.numpy(), official["positions"], rtol=0, atol=1e-7)


def test_stochastic_depth_grows_over_the_blocks_as_the_official_one_does(official):
    encoder = VideoMAEV2(width=48, depth=12, heads=4, mlp_width=192, drop_path=0.2)
    np.testing.assert_allclose([block.drop_path for block in encoder.blocks], official["drop_path"], rtol=1e-6)
