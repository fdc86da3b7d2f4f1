from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from tta_bench.models.backbones.videomae import Block, VideoMAEV2, sinusoid_positions
from tta_bench.registry import BACKBONES

TINY = {"size": 16, "frames": 4, "patch": 8, "width": 16, "depth": 2, "heads": 2, "mlp_width": 32}
SIZES = {  # width, depth, heads, MLP width, patch, parameters
    "s": (384, 12, 6, 1536, 16, 21_879_936),
    "b": (768, 12, 12, 3072, 16, 86_227_200),
    "l": (1024, 24, 16, 4096, 16, 303_860_736),
    "h": (1280, 32, 16, 5120, 16, 631_607_040),
    "g": (1408, 40, 16, 6144, 14, 1_011_610_752),
}


@pytest.fixture
def encoder() -> VideoMAEV2:
    torch.manual_seed(0)
    return VideoMAEV2(**TINY).eval()


@pytest.fixture
def clip() -> torch.Tensor:
    return torch.randn(2, 3, 4, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", SIZES)
def test_every_size_has_the_parameters_that_its_shapes_say(name):
    width, depth, heads, mlp, patch, expected = SIZES[name]
    with torch.device("meta"):
        encoder = VideoMAEV2(width=width, depth=depth, heads=heads, mlp_width=mlp, patch=patch)
    attention = 4 * width**2 + 3 * width  # qkv without bias, the biases of q and v, projection with bias
    block = 4 * width + attention + 2 * width * mlp + mlp + width
    patch_embed = 3 * 2 * patch**2 * width + width
    assert patch_embed + depth * block + 2 * width == expected
    assert sum(parameter.numel() for parameter in encoder.parameters()) == expected


def test_state_dict_has_the_official_names_and_no_positions(encoder):
    leaves = ["norm1.weight", "norm1.bias", "attn.q_bias", "attn.v_bias", "attn.qkv.weight", "attn.proj.weight"]
    leaves += ["attn.proj.bias", "norm2.weight", "norm2.bias"]
    leaves += ["mlp.fc1.weight", "mlp.fc1.bias", "mlp.fc2.weight", "mlp.fc2.bias"]
    names = {f"blocks.{block}.{leaf}" for block in range(2) for leaf in leaves}
    names |= {"patch_embed.proj.weight", "patch_embed.proj.bias", "fc_norm.weight", "fc_norm.bias"}
    encoder(torch.zeros(1, 3, 4, 16, 16))
    assert set(encoder.state_dict()) == names
    assert not list(encoder.buffers())


def test_positions_are_the_formula_over_the_flattened_index():
    table = sinusoid_positions(40, 6, torch.device("cpu")).numpy()
    for index in (0, 1, 39):
        for column in range(6):
            angle = index / 10000 ** (2 * (column // 2) / 6)
            assert table[index, column] == np.float32(np.cos(angle) if column % 2 else np.sin(angle))


def test_positions_follow_the_clip_to_its_grid_device_and_dtype(encoder, clip):
    assert encoder.tokens(clip).shape == (2, 2 * 2 * 2, 16)
    assert encoder.tokens(torch.zeros(1, 3, 8, 16, 24)).shape == (1, 4 * 2 * 3, 16)
    assert copy.deepcopy(encoder).double()(clip.double()).dtype == torch.float64
    assert copy.deepcopy(encoder).to("meta")(clip.to("meta")).device.type == "meta"


def test_tokens_are_ordered_by_time_then_rows_then_columns(encoder):
    clip = torch.zeros(1, 3, 4, 16, 16)
    empty = encoder.tokens(clip)
    clip[:, :, 2, 0, 8] = 1.0  # second tubelet in time, first row, second column
    changed = (encoder.tokens(clip) != empty).any(-1)[0]
    assert changed.nonzero().flatten().tolist() == [1 * 4 + 0 * 2 + 1]


def test_forward_is_deterministic_and_each_clip_stands_alone(encoder, clip):
    features = encoder(clip)
    assert features.shape == (2, 16)
    assert torch.equal(features, encoder(clip))
    torch.testing.assert_close(features[1:], encoder(clip[1:]))
    assert not torch.allclose(features[0], encoder(clip.flip(2))[0])


def test_gradients_reach_every_parameter(encoder, clip):
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.5)
    encoder(clip)[:, 0].sum().backward()
    for name, parameter in encoder.named_parameters():
        rows = parameter.grad.reshape(len(parameter), -1)
        if not name.startswith("fc_norm."):  # only one feature was asked for
            assert (rows != 0).any(1).all(), name


def test_a_new_encoder_starts_as_the_official_fine_tuning_does():
    torch.manual_seed(0)
    encoder = VideoMAEV2(**{**TINY, "width": 128, "mlp_width": 512})
    for name, parameter in encoder.named_parameters():
        if name.endswith(("qkv.weight", "proj.weight", "fc1.weight", "fc2.weight")) and "patch" not in name:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.05), name
        elif "norm" in name and name.endswith("weight"):
            assert (parameter == 1).all(), name
        elif "patch" not in name:
            assert (parameter == 0).all(), name
    bound = (3 * 2 * 8 * 8) ** -0.5  # PyTorch's own start of a convolution
    assert encoder.patch_embed.proj.weight.abs().max().item() == pytest.approx(bound, rel=0.01)


def test_layer_norms_have_the_official_epsilon(encoder):
    assert {module.eps for module in encoder.modules() if isinstance(module, nn.LayerNorm)} == {1e-6}


def test_stochastic_depth_drops_a_branch_per_sample_and_keeps_its_mean():
    torch.manual_seed(0)
    block = Block(width=8, heads=2, mlp_width=16, drop_path=0.25).train()
    block.mlp.fc2.requires_grad_(False).weight.zero_()  # leaves the attention branch alone
    block.mlp.fc2.bias.zero_()
    nn.init.normal_(block.attn.proj.weight)
    tokens = torch.randn(200, 3, 8)
    branch = block.attn(block.norm1(tokens))
    change = block(tokens) - tokens
    dropped = (change == 0).flatten(1).all(1)
    assert 30 <= dropped.sum() <= 70  # 50 expected, deviation 6
    torch.testing.assert_close(change[~dropped], branch[~dropped] / 0.75, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(block.eval()(tokens), tokens + branch)


def gradients_of(block: Block, tokens: torch.Tensor) -> list[torch.Tensor]:
    """Return the output of a training step with seed 0, and its gradients."""
    torch.manual_seed(0)
    block.zero_grad()
    tokens = tokens.clone().requires_grad_()
    out = block(tokens)
    out.square().sum().backward()
    return [out.detach(), *(value.grad for value in (tokens, *block.parameters()))]


def test_what_stochastic_depth_leaves_out_is_not_computed_and_changes_no_gradient(monkeypatch):
    block = Block(width=8, heads=2, mlp_width=16, drop_path=0.5).train()
    seen = []
    block.mlp.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    tokens = torch.randn(8, 3, 8)
    skipped = gradients_of(block, tokens)
    monkeypatch.setattr(
        torch.compiler, "is_compiling", lambda: True
    )  # there the branch is computed and multiplied by 0
    for left_out, multiplied in zip(skipped, gradients_of(block, tokens), strict=True):
        torch.testing.assert_close(left_out, multiplied)
    assert 0 < seen[0] < seen[1] == 8


def test_a_branch_that_no_sample_keeps_has_gradients_of_zero():
    block = Block(width=8, heads=2, mlp_width=16, drop_path=1 - 1e-7).train()
    tokens = torch.randn(2, 3, 8)
    out, _, *gradients = gradients_of(block, tokens)
    assert torch.equal(out, tokens)
    assert all(not gradient.any() for gradient in gradients)  # not None: the optimizer's moments go on


def test_checkpointing_changes_memory_not_numbers(clip):
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        encoder = VideoMAEV2(**TINY, drop_path=0.5, checkpointing=checkpointing).train()
        torch.manual_seed(1)
        encoder(clip).square().sum().backward()
        gradients.append([parameter.grad for parameter in encoder.parameters()])
    for plain, checkpointed in zip(*gradients, strict=True):
        assert torch.equal(plain, checkpointed)


def test_layer_groups_hold_every_parameter_once_and_end_with_the_heads_company(encoder):
    groups = encoder.layer_groups()
    assert groups == [["patch_embed."], ["blocks.0."], ["blocks.1."], ["fc_norm."]]
    for name, _ in encoder.named_parameters():
        assert sum(name.startswith(prefix) for group in groups for prefix in group) == 1


@pytest.mark.parametrize(
    ("shape", "sum_"),
    [((3, 16, 16), "frames 3 / 2 = 1.5"), ((4, 20, 16), "height 20 / 8 = 2.5"), ((4, 16, 17), "width 17 / 8 = 2.125")],
)
def test_a_clip_that_cannot_be_cut_is_refused_with_the_arithmetic(encoder, shape, sum_):
    with pytest.raises(ValueError, match="2 frames x 8 x 8 pixels") as error:
        encoder(torch.zeros(1, 3, *shape))
    assert sum_ in str(error.value)


def test_declared_sizes_that_do_not_divide_are_refused_at_once():
    with pytest.raises(ValueError, match=r"height 20 / 8 = 2\.5"):
        VideoMAEV2(**{**TINY, "size": 20})
    with pytest.raises(ValueError, match=r"width 16 / 3 heads = 5\.33333"):
        VideoMAEV2(**{**TINY, "heads": 3})


def test_the_registry_knows_it():
    assert BACKBONES.get("VideoMAEV2") is VideoMAEV2


def test_torch_compile_gives_the_same_features_from_one_graph(encoder, clip):
    compiled = torch.compile(encoder, backend="eager", fullgraph=True)
    assert torch.equal(compiled(clip), encoder(clip))
