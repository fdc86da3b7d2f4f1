from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tta_bench import register_backbone
from tta_bench.cards.catalog import backbone_card
from tta_bench.data.features.encoded import WindowRule
from tta_bench.engine.device import Machine
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.protocols.base.weights import Weights
from tta_bench.protocols.probe.encoder import CLIPS_AT_ONCE, Encoder, EncodingSize, FrozenBackbone

CLIP = ResolvedClip(span=8, frames=4, stride=2, size=16)
MACHINE = Machine(torch.device("cpu"), "fp32")


def encoder(name: str = "videomaev2_vit_tiny", seed: int = 0, weights: Weights | None = None) -> Encoder:
    return Encoder(backbone_card(name), CLIP, weights, seed, MACHINE)


def test_tokens_of_videomae_are_those_that_it_pools() -> None:
    torch.manual_seed(0)
    backbone, clip = (
        VideoMAEV2(size=16, frames=4, patch=8, width=16, depth=2, heads=2, mlp_width=32),
        torch.rand(2, 3, 4, 16, 16),
    )
    pooled, tokens = FrozenBackbone(backbone.eval())(clip)
    assert tokens is not None
    assert tokens.shape == (2, 8, 16)
    assert torch.equal(pooled, backbone(clip))
    assert torch.equal(backbone.pool(tokens), pooled)


@pytest.mark.parametrize(("shape", "tokens"), [((2, 7), None), ((2, 5, 7), (2, 5, 7))])
def test_a_backbones_own_output_is_features_or_tokens(shape: tuple[int, ...], tokens: tuple[int, ...] | None) -> None:
    class Fixed(nn.Module):
        def forward(self, clip: Tensor) -> Tensor:
            return torch.ones(shape)

    pooled, found = FrozenBackbone(Fixed())(torch.zeros(2, 3, 1, 2, 2))
    assert pooled.tolist() == [[1.0] * 7] * 2
    assert (None if found is None else tuple(found.shape)) == tokens


def test_the_identity_holds_weights_or_seed_windows_and_precision(tmp_path: Path) -> None:
    rule = WindowRule(CLIP, 2)
    file = Weights("file", tmp_path, "0" * 64, None)  # type: ignore[arg-type]
    assert encoder(seed=0).identity(rule) != encoder(seed=1).identity(rule)
    assert encoder(seed=0, weights=file).identity(rule) == encoder(seed=1, weights=file).identity(rule)
    assert encoder().identity(rule) != encoder().identity(WindowRule(CLIP, 3))
    assert encoder().identity(rule) != encoder().identity(rule, "bf16")


def test_a_clip_gives_the_same_bits_alone_and_whatever_is_asked_beside_it() -> None:
    clips = torch.randint(0, 256, (1, 2, 4, 16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = encoder()
    both, alone = found.encode(clips, ["tokens", "pooled"]), found.encode(clips, ["pooled"])
    assert both["tokens"].shape == (1, 2, 8, 64)
    assert both["tokens"].dtype == np.float16
    assert both["pooled"].tobytes() == alone["pooled"].tobytes()
    assert found.size() == EncodingSize(64, 8)


@pytest.mark.parametrize("beside", [0, 1, 2])
def test_a_shorter_batch_goes_through_the_operations_of_a_whole_one(
    beside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CLIPS_AT_ONCE, "cpu", 3)
    draw = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 256, (3, 2, 4, 16, 16, 3), dtype=torch.uint8, generator=draw)
    found, shapes = encoder(), []
    found.module().register_forward_pre_hook(lambda _, given: shapes.append(given[0].shape[0]))
    whole, part = found.encode(clips, ["pooled"]), found.encode(clips[: beside + 1], ["pooled"])
    assert shapes == [6, 6]
    assert part["pooled"].tobytes() == whole["pooled"][: beside + 1].tobytes()


def test_features_beyond_half_precision_are_refused() -> None:
    @register_backbone("huge", modality="video", frames=4, size=16)
    class Huge(nn.Module):
        def forward(self, clip: Tensor) -> Tensor:
            return clip.flatten(1)[:, :3] * 0 + 1e6

    with pytest.raises(UserError, match="no finite numbers in half precision"):
        encoder("huge").encode(torch.zeros(1, 1, 4, 16, 16, 3, dtype=torch.uint8), ["pooled"])


def test_a_backbone_that_gives_something_else_is_refused() -> None:
    @register_backbone("strange", modality="video", frames=4, size=16)
    class Strange(nn.Module):
        def forward(self, clip: Tensor) -> Tensor:
            return clip

    with pytest.raises(UserError, match="strange"):
        encoder("strange").size()
