from __future__ import annotations

import pytest
import torch
from torch import nn

from tta_bench.errors import UserError
from tta_bench.models.backbones.timm_images import PerFrame, TimmBackbone, matched_groups
from tta_bench.registry import BACKBONES


@pytest.fixture(scope="module")
def resnet() -> TimmBackbone:
    torch.manual_seed(0)
    return TimmBackbone("resnet18").eval()


@pytest.fixture
def clip() -> torch.Tensor:
    return torch.randn(2, 3, 4, 32, 32, generator=torch.Generator().manual_seed(1))


def test_each_token_is_the_encoders_feature_of_its_frame(resnet, clip):
    tokens = resnet(clip)
    assert tokens.shape == (2, 4, 512)
    for sample in range(2):
        torch.testing.assert_close(tokens[sample, 3], resnet.encoder(clip[sample, :, 3][None])[0])


def test_any_image_module_can_be_lifted():
    mean_colour = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    clip = torch.arange(2 * 3 * 5.0).reshape(2, 3, 5, 1, 1).expand(2, 3, 5, 8, 8)
    assert torch.equal(PerFrame(mean_colour)(clip), clip[..., 0, 0].transpose(1, 2))


def test_options_go_to_timm(clip):
    assert TimmBackbone("vit_tiny_patch16_224", img_size=32)(clip).shape == (2, 4, 192)


def test_a_model_made_for_one_size_is_told_the_size(clip):
    assert TimmBackbone("vit_tiny_patch16_224", size=32)(clip).shape == (2, 4, 192)
    assert TimmBackbone("resnet18", size=32)(clip).shape == (2, 4, 512)


def test_an_unknown_timm_model_gets_the_nearest_name():
    with pytest.raises(UserError, match=r"unknown timm model 'resnet5O'.\nDid you mean 'resnet50'?"):
        TimmBackbone("resnet5O")


@pytest.mark.parametrize(("name", "options"), [("resnet18", {}), ("convnext_atto", {}), ("vit_tiny_patch16_224", {})])
def test_layers_hold_every_parameter_once_from_the_stem_on(name, options):
    backbone = TimmBackbone(name, **options)
    groups = backbone.layer_groups()
    names = [name for group in groups for name in group]
    assert sorted(names) == sorted(name for name, _ in backbone.named_parameters())
    assert next(iter(backbone.named_parameters()))[0] in groups[0]
    assert len(groups) > 8
    assert all("encoder.head" in name for name in groups[-1])  # nothing but what belongs with the head


def test_the_last_block_does_not_count_as_the_head(resnet):
    *_, last_block, head = resnet.layer_groups()
    assert head == []
    assert all(name.startswith("encoder.layer4.1.") for name in last_block)


def test_an_encoder_with_its_own_layers_keeps_them_and_one_without_is_one_layer():
    class Own(nn.Linear):
        def layer_groups(self):
            return [["weight"], ["bias"]]

    assert PerFrame(Own(3, 2)).layer_groups() == [["encoder.weight"], ["encoder.bias"]]
    assert PerFrame(nn.Linear(3, 2)).layer_groups() == [["encoder."]]


def test_a_parameter_that_no_pattern_matches_goes_with_the_head():
    class Matched(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.neck = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)

        def group_matcher(self, coarse=False):
            return {"stem": "^stem"}

    assert matched_groups(Matched()) == [["stem.weight"], ["neck.weight"]]


def test_the_registry_knows_it():
    assert BACKBONES.get("TimmBackbone") is TimmBackbone
