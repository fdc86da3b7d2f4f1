from __future__ import annotations

import pytest
import timm
import torch
from timm.layers import resample_abs_pos_embed

from tta_bench.models.backbones.timm_images import TimmBackbone
from tta_bench.models.checkpoints.load import load_backbone
from tta_bench.models.checkpoints.positions import is_position, resample_positions


def test_a_vit_of_another_size_gives_timms_own_positions() -> None:
    theirs = timm.create_model("vit_tiny_patch16_224", num_classes=0).eval()
    state = {name: torch.rand_like(tensor) for name, tensor in theirs.state_dict().items()}
    ours = TimmBackbone("vit_tiny_patch16_224", size=64)
    report = load_backbone(ours, {"model": state})
    expected = resample_abs_pos_embed(state["pos_embed"], [4, 4], num_prefix_tokens=1)
    assert torch.equal(ours.encoder.pos_embed, expected)
    assert report.resampled == ("pos_embed (1, 197, 192) to (1, 17, 192)",)
    assert "1 resampled (pos_embed (1, 197, 192) to (1, 17, 192))" in report.summary()


def test_windows_of_another_size_are_resampled_and_old_buffers_do_not_matter() -> None:
    name = "swin_tiny_patch4_window7_224"
    theirs = timm.create_model(name, num_classes=0, img_size=64, window_size=4).state_dict()
    theirs |= {"layers.0.blocks.1.attn_mask": torch.zeros(4, 16, 16)}
    theirs |= {"layers.0.blocks.0.attn.relative_position_index": torch.zeros(16, 16).long()}
    ours = TimmBackbone(name, size=224)
    report = load_backbone(ours, {"model": theirs})
    assert report.resampled[0] == ("layers.0.blocks.0.attn.relative_position_bias_table (49, 3) to (169, 3)")
    assert report.missing == report.unexpected == ()


@pytest.mark.parametrize(
    ("theirs", "ours", "resampled"),
    [((1, 26, 8), (1, 17, 8), True), ((1, 25, 8), (1, 16, 8), True), ((1, 26, 8), (1, 18, 8), False)],
)
def test_only_square_grids_are_resampled(theirs: tuple[int, ...], ours: tuple[int, ...], resampled: bool) -> None:
    given, own = {"pos_embed": torch.rand(theirs)}, {"pos_embed": torch.rand(ours)}
    found, said = resample_positions(given, own, torch.nn.Identity())
    assert bool(said) == resampled
    assert found["pos_embed"].shape == (ours if resampled else theirs)


def test_positions_are_known_by_their_names() -> None:
    assert is_position("blocks.0.attn.relative_position_bias_table")
    assert is_position("pos_embed")
    assert not is_position("patch_embed.proj.weight")
