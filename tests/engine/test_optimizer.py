from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from tta_bench.engine.optimizer import parameter_groups
from tta_bench.errors import UserError
from tta_bench.models.backbones.timm_images import PerFrame
from tta_bench.models.classifier import Classifier


class Layered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.place = nn.Parameter(torch.zeros(1, 2, 4))
        self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(11)])
        self.norm = nn.LayerNorm(4)

    def layer_groups(self):
        return [["stem.", "place"], *([f"blocks.{k}"] for k in range(11)), ["norm."]]

    def no_weight_decay(self):
        return {"place"}


def by_name(model, groups):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(parameter)]: group for group in groups for parameter in group["params"]}


def test_scales_grow_from_the_input_to_the_head():
    model = Classifier(Layered(), 4, 7)
    groups, source = parameter_groups(model, 0.05, 0.5)
    found = by_name(model, groups)
    assert source == "layer_groups"
    assert found["backbone.stem.weight"]["lr_scale"] == 0.5**12
    assert found["backbone.place"]["lr_scale"] == 0.5**12
    for k in range(11):
        assert found[f"backbone.blocks.{k}.weight"]["lr_scale"] == 0.5 ** (11 - k)
    assert found["backbone.norm.weight"]["lr_scale"] == 1.0
    assert found["head.weight"]["lr_scale"] == 1.0


def test_biases_norms_and_what_a_module_names_are_not_decayed():
    model = Classifier(Layered(), 4, 7)
    found = by_name(model, parameter_groups(model, 0.05, 0.5)[0])
    decayed = {name for name, group in found.items() if group["weight_decay"] == 0.05}
    spared = {name for name, group in found.items() if group["weight_decay"] == 0.0}
    linear = {f"backbone.blocks.{k}.weight" for k in range(11)}
    assert decayed == linear | {"backbone.stem.weight", "head.weight"}
    assert decayed | spared == {name for name, _ in model.named_parameters()}


def test_groups_hold_every_trained_parameter_once_and_an_optimizer_takes_them():
    model = Classifier(Layered(), 4, 7)
    model.backbone.stem.requires_grad_(False)
    groups, _ = parameter_groups(model, 0.05, 0.5)
    held = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    assert len({group["name"] for group in groups}) == len(groups)
    torch.optim.AdamW(groups, lr=1e-3)


def test_a_timm_model_is_layered_by_its_own_matcher():
    model = Classifier(timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32), 192, 3)
    groups, source = parameter_groups(model, 0.05, 0.5)
    found = by_name(model, groups)
    assert source == "group_matcher"
    assert found["backbone.patch_embed.proj.weight"]["lr_scale"] == 0.5**13
    assert found["backbone.blocks.0.attn.qkv.weight"]["lr_scale"] == 0.5**12
    assert found["backbone.blocks.11.attn.qkv.weight"]["lr_scale"] == 0.5
    assert found["backbone.norm.weight"]["lr_scale"] == 0.5  # timm counts the final norm with the last block
    assert found["head.weight"]["lr_scale"] == 1.0


def test_modules_inside_a_backbone_are_asked_what_not_to_decay():
    encoder = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32)
    model = Classifier(PerFrame(encoder), 192, 3)
    found = by_name(model, parameter_groups(model, 0.05, 0.5)[0])
    assert found["backbone.encoder.pos_embed"]["weight_decay"] == 0.0
    assert found["backbone.encoder.blocks.0.attn.qkv.weight"]["weight_decay"] == 0.05


def test_a_backbone_without_layers_shares_the_rate_of_the_head():
    model = Classifier(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4)), 4, 7)
    groups, source = parameter_groups(model, 0.05, 0.5)
    assert source == "one group"
    assert {group["lr_scale"] for group in groups} == {1.0}


def test_layers_that_leave_out_parameters_are_refused():
    backbone = Layered()
    backbone.extra = nn.Linear(4, 4)
    with pytest.raises(UserError, match=r"Layered leaves out 2 parameters: extra.weight, extra.bias"):
        parameter_groups(Classifier(backbone, 4, 7), 0.05, 0.5)
