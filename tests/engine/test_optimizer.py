from __future__ import annotations

import copy

import pytest
import timm
import torch
from torch import nn

from tests.engine.line import LineRecipe
from tta_bench.engine.device import Machine
from tta_bench.engine.optimizer import OPTIMIZERS, Optimizer, OptimizerKind, decay_groups, parameter_groups
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
    by_names = by_name(model, groups)
    assert source == "layer_groups"
    assert by_names["backbone.stem.weight"]["lr_scale"] == 0.5**12
    assert by_names["backbone.place"]["lr_scale"] == 0.5**12
    for k in range(11):
        assert by_names[f"backbone.blocks.{k}.weight"]["lr_scale"] == 0.5 ** (11 - k)
    assert by_names["backbone.norm.weight"]["lr_scale"] == 1.0
    assert by_names["head.weight"]["lr_scale"] == 1.0


def test_biases_norms_and_what_a_module_names_are_not_decayed():
    model = Classifier(Layered(), 4, 7)
    by_names = by_name(model, parameter_groups(model, 0.05, 0.5)[0])
    decayed = {name for name, group in by_names.items() if group["weight_decay"] == 0.05}
    spared = {name for name, group in by_names.items() if group["weight_decay"] == 0.0}
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
    by_names = by_name(model, groups)
    assert source == "group_matcher"
    assert by_names["backbone.patch_embed.proj.weight"]["lr_scale"] == 0.5**13
    assert by_names["backbone.blocks.0.attn.qkv.weight"]["lr_scale"] == 0.5**12
    assert by_names["backbone.blocks.11.attn.qkv.weight"]["lr_scale"] == 0.5
    assert by_names["backbone.norm.weight"]["lr_scale"] == 0.5  # timm counts the final norm with the last block
    assert by_names["head.weight"]["lr_scale"] == 1.0


def test_modules_inside_a_backbone_are_asked_what_not_to_decay():
    encoder = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32)
    model = Classifier(PerFrame(encoder), 192, 3)
    by_names = by_name(model, parameter_groups(model, 0.05, 0.5)[0])
    assert by_names["backbone.encoder.pos_embed"]["weight_decay"] == 0.0
    assert by_names["backbone.encoder.blocks.0.attn.qkv.weight"]["weight_decay"] == 0.05


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


def optimizer_of(layer, precision="fp32", **recipe):
    return Optimizer(decay_groups(layer, 0.0), LineRecipe(**recipe), Machine(torch.device("cpu"), precision))


def updated(optimizer, layer):
    optimizer.set_rate(0.1)
    optimizer.backward(layer(torch.ones(2, 4)).sum())
    optimizer.step()
    return layer.weight.detach().clone()


def test_an_update_clears_the_gradient_and_a_rate_of_zero_changes_nothing():
    layer = nn.Linear(4, 1)
    optimizer, before = optimizer_of(layer), layer.weight.detach().clone()
    assert optimizer.set_rate(0.0) == 0.0
    optimizer.backward(layer(torch.ones(2, 4)).sum())
    optimizer.step()
    assert torch.equal(layer.weight, before)
    assert layer.weight.grad is None
    assert not torch.equal(updated(optimizer, layer), before)


def test_every_group_gets_its_share_of_the_learning_rate():
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr_scale": scale} for scale in (0.25, 0.5)]
    optimizer = Optimizer(groups, LineRecipe(), Machine(torch.device("cpu"), "fp32"))
    assert optimizer.set_rate(1.0) == 0.5
    assert [group["lr"] for group in optimizer.inner.param_groups] == [0.25, 0.5]


def test_a_restored_optimizer_goes_on_as_the_saved_one():
    layer = nn.Linear(4, 1)
    optimizer = optimizer_of(layer)
    updated(optimizer, layer)
    twin = nn.Linear(4, 1)
    twin.load_state_dict(layer.state_dict())
    restored = optimizer_of(twin)
    restored.load_state_dict(copy.deepcopy(optimizer.state_dict()))  # as a file has it
    assert torch.equal(updated(optimizer, layer), updated(restored, twin))


def test_float16_scales_the_loss_and_keeps_the_scale_in_a_checkpoint():
    plain, scaled = (nn.Linear(4, 1) for _ in range(2))
    scaled.load_state_dict(plain.state_dict())
    optimizer = optimizer_of(scaled, "fp16", clip_grad=1e9)
    assert optimizer.loss_scale == 2.0**16
    torch.testing.assert_close(updated(optimizer, scaled), updated(optimizer_of(plain), plain))
    optimizer.scaler.update(4.0)
    restored = optimizer_of(plain, "fp16")
    restored.load_state_dict(optimizer.state_dict())
    assert restored.loss_scale == 4.0


def test_an_optimizer_is_one_entry_of_the_table_and_says_how_large_its_state_is(monkeypatch):
    layer = nn.Linear(4, 1)
    assert optimizer_of(layer).state_bytes() == 2 * 4 * 5
    monkeypatch.setitem(OPTIMIZERS, "sgd", OptimizerKind(lambda groups, train: torch.optim.SGD(groups), states=0))
    optimizer = optimizer_of(layer, optimizer="sgd")
    assert optimizer.state_bytes() == 0
    before = layer.weight.detach().clone()
    torch.testing.assert_close(updated(optimizer, layer), before - 0.1 * 2)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_stated_size_of_an_optimizers_state_is_right(name):
    layer = nn.Linear(40, 10)
    optimizer = optimizer_of(layer, optimizer=name)
    optimizer.backward(layer(torch.ones(2, 40)).sum())
    optimizer.step()
    state = optimizer.state_dict()["state"]
    size = sum(tensor.nbytes for entry in state.values() for tensor in entry.values() if tensor.ndim)
    assert size == optimizer.state_bytes()
