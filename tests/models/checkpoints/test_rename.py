from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.models.checkpoints.rename import best_prefix, common_heads, official_videomae, tensors_in

WRAPPERS = st.lists(
    st.sampled_from(["module.", "_orig_mod.", "backbone.", "encoder.", "model.", "student."]), max_size=4
)


def test_the_envelope_is_opened_and_what_is_no_tensor_left_out():
    one = torch.ones(1)
    for envelope in ("model", "module", "state_dict"):
        raw = {envelope: {"a.b": one, "c": one, "epoch": 3}, "optimizer": {"state": {}}, "epoch": 1}
        assert set(tensors_in(raw)) == {"a.b", "c"}
    assert set(tensors_in({"a.b": one, "c": one, "epoch": 3})) == {"a.b", "c"}
    assert tensors_in({"epoch": 1}) == {}


def test_the_official_order_of_envelopes_is_kept():
    raw = {"module": {"a": torch.zeros(1)}, "model": {"a": torch.ones(1)}}
    assert tensors_in(raw)["a"].item() == 1


def test_a_parameter_called_like_an_envelope_is_none():
    assert set(tensors_in({"model": torch.ones(1), "bias": torch.ones(1)})) == {"model", "bias"}


@settings(max_examples=60, deadline=None)
@given(WRAPPERS)
def test_the_backbone_is_found_behind_any_wrappers(wrappers):
    own = ["patch_embed.proj.weight", "blocks.0.norm1.weight", "blocks.1.norm1.weight"]
    prefix = "".join(wrappers)
    raw = {f"{prefix}{name}": torch.ones(1) for name in own}
    raw |= {"decoder.blocks.0.norm1.weight": torch.ones(1), "head.weight": torch.ones(1)}
    tensors = tensors_in(raw)
    found = best_prefix(tensors, own)
    assert all(found + name in tensors for name in own)


def test_the_longer_of_two_stacks_of_blocks_is_the_backbone_and_ties_go_to_the_shorter_name():
    own = ["blocks.0.w", "blocks.1.w"]
    assert best_prefix(["decoder.blocks.0.w", "encoder.blocks.0.w", "encoder.blocks.1.w"], own) == "encoder."
    assert best_prefix(["a.ema.blocks.0.w", "ema.blocks.0.w"], own) == "ema."
    assert best_prefix(["unrelated"], own) == ""
    assert best_prefix([], own) == ""


def test_split_projections_are_joined_in_the_order_query_key_value():
    parts = {
        f"videomae.encoder.layer.10.attention.attention.{part}.weight": torch.full((2, 2), value)
        for value, part in enumerate(["query", "key", "value"], start=1)
    }
    joined = official_videomae(parts)
    assert list(joined) == ["blocks.10.attn.qkv.weight"]
    assert joined["blocks.10.attn.qkv.weight"][:, 0].tolist() == [1, 1, 2, 2, 3, 3]


def test_a_projection_that_lacks_a_part_is_not_joined():
    parts = {"encoder.layer.0.attention.attention.query.weight": torch.ones(2, 2)}
    assert list(official_videomae(parts)) == ["blocks.0.attn.query.weight"]


def test_official_names_stay_as_they_are():
    names = ["patch_embed.proj.weight", "blocks.0.attn.proj.weight", "blocks.0.mlp.fc2.bias", "encoder.norm.weight"]
    names += ["decoder.blocks.0.attn.q_bias", "head.weight", "fc_norm.bias"]
    tensors = dict.fromkeys(names, torch.ones(1))
    assert list(common_heads(official_videomae(tensors))) == names


def test_heads_of_other_projects_become_ours():
    tensors = dict.fromkeys(["cls_head.fc_cls.weight", "classifier.bias"], torch.ones(1))
    assert list(common_heads(tensors)) == ["head.weight", "head.bias"]
