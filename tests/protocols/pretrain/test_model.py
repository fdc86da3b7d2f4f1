from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tta_bench.models.backbones.videomae import VideoMAEV2, sinusoid_positions
from tta_bench.models.checkpoints.load import load_backbone
from tta_bench.protocols.pretrain.masking import Masks, draw_masks
from tta_bench.protocols.pretrain.model import (
    MaskedAutoencoder,
    cut_tubelets,
    join_tubelets,
    normalized_targets,
    squared_errors,
    take,
)

GRID = (4, 4, 6)
CLIPS = 3


def backbone(checkpointing: bool = False) -> VideoMAEV2:
    return VideoMAEV2(size=32, frames=8, patch=8, width=24, depth=2, heads=2, mlp_width=96, checkpointing=checkpointing)


def autoencoder(checkpointing: bool = False) -> MaskedAutoencoder:
    torch.manual_seed(0)
    return MaskedAutoencoder(backbone(checkpointing), GRID, width=16, depth=1, heads=2)


def pixels(clips: int = CLIPS) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (clips, 8, 32, 48, 3), dtype=torch.uint8, generator=draw)


def masks(seed: int = 0) -> Masks:
    return draw_masks(GRID, 0.75, 0.5, CLIPS, np.random.default_rng(seed))


def restore(model: MaskedAutoencoder, clips: Tensor, drawn: Masks) -> Tensor:
    visible, decoded = torch.from_numpy(drawn.visible), torch.from_numpy(drawn.decoded)
    restored: Tensor = model(take(cut_tubelets(clips, 2, 8), visible).float() / 255, visible, decoded)
    return restored


def test_tubelets_are_cut_in_the_order_of_tokens_and_joined_again() -> None:
    clips = pixels()
    tubelets = cut_tubelets(clips, 2, 8)
    assert tubelets.shape == (CLIPS, 4 * 4 * 6, 2 * 8 * 8, 3)
    assert tubelets.dtype == torch.uint8
    time, row, column = 3, 1, 4
    number = (time * 4 + row) * 6 + column
    block = clips[1, time * 2 : time * 2 + 2, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8]
    assert torch.equal(tubelets[1, number], block.reshape(-1, 3))
    assert torch.equal(join_tubelets(tubelets, GRID, 2, 8), clips)


def test_embedding_visible_tubelets_only_gives_the_backbones_own_tokens() -> None:
    model, clips, drawn = autoencoder(), pixels(), masks()
    own = backbone()
    own.patch_embed.load_state_dict(model.encoder.patch_embed.state_dict())
    visible = torch.from_numpy(drawn.visible)
    expected = take(own.tokens(clips.permute(0, 4, 1, 2, 3).float() / 255), visible)
    model.encoder.blocks = torch.nn.ModuleList()
    model.encoder.norm = torch.nn.Identity()
    table = sinusoid_positions(4 * 4 * 6, 24, torch.device("cpu"))
    ours = model.encoder(take(cut_tubelets(clips, 2, 8), visible).float() / 255, table[visible])
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


def test_what_is_hidden_cannot_be_seen() -> None:
    model, clips, drawn = autoencoder(), pixels(), masks()
    hidden = np.ones((CLIPS, 96), bool)
    np.put_along_axis(hidden, drawn.visible, False, 1)
    tubelets = cut_tubelets(clips, 2, 8)
    tubelets[torch.from_numpy(hidden)] = 7
    changed = join_tubelets(tubelets, GRID, 2, 8)
    assert not torch.equal(changed, clips)
    assert torch.equal(restore(model, changed, drawn), restore(model, clips, drawn))
    assert not torch.equal(restore(model, 255 - clips, drawn), restore(model, clips, drawn))


def test_targets_have_mean_0_and_deviation_1_in_every_tubelet_and_channel() -> None:
    targets = normalized_targets(cut_tubelets(pixels(), 2, 8).float() / 255).unflatten(2, (-1, 3))
    torch.testing.assert_close(targets.mean(2), torch.zeros(CLIPS, 96, 3), rtol=0, atol=1e-5)
    torch.testing.assert_close(targets.std(2), torch.ones(CLIPS, 96, 3), rtol=1e-4, atol=0)


def test_a_flat_tubelet_has_target_0() -> None:
    assert torch.equal(normalized_targets(torch.full((1, 1, 64, 3), 0.5)), torch.zeros(1, 1, 64 * 3))


def test_a_batch_has_the_same_results_as_its_clips_alone() -> None:
    model, clips, drawn = autoencoder(), pixels(), masks()
    together = restore(model, clips, drawn)
    for index in range(CLIPS):
        alone = restore(model, clips[index : index + 1], Masks(*(part[index : index + 1] for part in drawn)))
        torch.testing.assert_close(alone[0], together[index], rtol=1e-4, atol=1e-5)


def test_checkpointed_activations_give_the_same_gradients() -> None:
    gradients = []
    for checkpointing in (False, True):
        model = autoencoder(checkpointing)
        restore(model.train(), pixels(), masks()).square().mean().backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-5, atol=1e-7)


def test_it_compiles_as_a_whole_and_new_masks_do_not_compile_it_again() -> None:
    compiled = 0

    def count(graph: torch.fx.GraphModule, _: list[Tensor]) -> object:
        nonlocal compiled
        compiled += 1
        return graph.forward

    model = autoencoder()
    whole = torch.compile(model, backend=count, fullgraph=True, dynamic=False)
    for seed in range(3):
        torch.testing.assert_close(restore(whole, pixels(), masks(seed)), restore(model, pixels(), masks(seed)))
    assert compiled == 1


def test_a_checkpoint_loads_into_the_backbone_to_be_fine_tuned() -> None:
    model, fresh = autoencoder(), backbone()
    report = load_backbone(fresh, {"model": model.state_dict(), "step": 3})
    assert report.missing == ("fc_norm.weight", "fc_norm.bias")
    assert not report.unexpected
    assert all(
        name.startswith(("decoder", "encoder.norm", "encoder_to_decoder", "mask_token", "norm"))
        for name in report.dropped
    )
    ours = model.encoder.state_dict()
    for name, tensor in fresh.state_dict().items():
        assert name.startswith("fc_norm") or torch.equal(tensor, ours[name])


def test_the_error_of_a_tubelet_is_the_mean_over_its_pixels() -> None:
    restored, targets = torch.zeros(1, 2, 4), torch.tensor([[[1.0, 1, 1, 1], [0, 0, 0, 2]]])
    assert squared_errors(restored, targets).tolist() == [[1.0, 1.0]]


def test_heads_that_do_not_share_the_width_are_refused_with_the_arithmetic() -> None:
    with pytest.raises(ValueError, match="decoder width 16 / 3 heads = 5.33"):
        MaskedAutoencoder(backbone(), GRID, width=16, depth=1, heads=3)
