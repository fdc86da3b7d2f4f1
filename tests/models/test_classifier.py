from __future__ import annotations

import pytest
import torch
from torch import nn

from tta_bench.errors import UserError
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.models.classifier import Classifier, measure_width

SHAPE = (3, 4, 16, 16)
TABLE = torch.ones(3)


class Gives(nn.Module):
    """A backbone that gives whatever a function makes of the clip."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, clip):
        return self.function(clip)


def test_features_and_tokens_reach_the_head_and_tokens_are_averaged():
    clip = torch.randn(2, *SHAPE)
    features = Classifier(Gives(lambda clip: clip.mean((2, 3, 4))), 3, classes=5)
    tokens = Classifier(Gives(lambda clip: clip.mean((3, 4)).transpose(1, 2)), 3, classes=5)
    tokens.load_state_dict(features.state_dict())
    assert features(clip).shape == (2, 5)
    torch.testing.assert_close(features(clip), tokens(clip))


def test_the_head_starts_small_with_a_zero_bias():
    torch.manual_seed(0)
    full = Classifier(nn.Identity(), 256, classes=101)
    torch.manual_seed(0)
    scaled = Classifier(nn.Identity(), 256, classes=101, init_scale=0.001)
    assert full.head.weight.std().item() == pytest.approx(0.02, rel=0.05)
    torch.testing.assert_close(scaled.head.weight, full.head.weight * 0.001)
    assert not scaled.head.bias.any()


def test_dropout_acts_on_the_features_in_training_only():
    classifier = Classifier(nn.Identity(), 100, classes=2, dropout=0.5)
    features = torch.ones(1, 100)
    torch.testing.assert_close(classifier.eval()(features), classifier.head(features))
    assert not torch.equal(classifier.train()(features), classifier.head(features))


def test_state_dict_is_backbone_and_head():
    names = set(Classifier(nn.Linear(3, 4), 4, classes=2).state_dict())
    assert names == {"backbone.weight", "backbone.bias", "head.weight", "head.bias"}


@pytest.mark.parametrize(
    ("backbone", "width"),
    [
        (nn.Sequential(nn.Conv3d(3, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten()), 16),
        (Gives(lambda clip: clip.flatten(3).transpose(1, 2).flatten(2)), 3 * 16 * 16),
        (VideoMAEV2(size=16, frames=4, patch=8, width=24, depth=1, heads=2, mlp_width=32), 24),
        # not possible without data: decides by a value, and keeps a table outside its parameters
        (Gives(lambda clip: clip.mean((2, 3, 4)) if clip.sum() == 0 else clip), 3),
        (Gives(lambda clip: clip.mean((2, 3, 4)) * TABLE), 3),
    ],
)
def test_the_width_is_measured(backbone, width):
    assert measure_width(backbone, SHAPE) == width


def test_measuring_leaves_modes_statistics_and_random_numbers_alone():
    backbone = nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.AdaptiveAvgPool3d(1), nn.Flatten()).train()
    backbone[1].eval()  # frozen on purpose
    before, random = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}, torch.get_rng_state()
    assert measure_width(backbone, SHAPE) == 4
    assert [module.training for module in backbone] == [True, False, True, True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda clip: clip, "(1, 3, 4, 16, 16)"),
        (lambda clip: clip.flatten(), "(3072)"),
        (lambda clip: clip.transpose(0, 1).flatten(1), "(3, 1024)"),
        (
            lambda clip: (clip, clip),
            "a tuple of (1, 3, 4, 16, 16) and (1, 3, 4, 16, 16): return one of them, e.g. output[0]",
        ),
    ],
)
def test_another_shape_is_refused_with_both_shapes(function, found):
    with pytest.raises(UserError) as error:
        measure_width(Gives(function), SHAPE)
    assert f"gave {found} for a batch of one clip of (3, 4, 16, 16)" in str(error.value)
    assert "Expected features (B, D) or tokens (B, N, D)" in str(error.value)


def test_a_clip_that_the_backbone_refuses_is_the_users_mistake():
    encoder = VideoMAEV2(size=16, frames=4, patch=8, width=24, depth=1, heads=2, mlp_width=32)
    with pytest.raises(UserError, match=r"clip of \(3, 4, 20, 20\): .*height 20 / 8 = 2\.5"):
        measure_width(encoder, (3, 4, 20, 20))
