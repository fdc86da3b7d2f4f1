from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from tta_bench.cards.catalog import backbone_card
from tta_bench.experiments.reaction import ReactionSettings, ResolvedFaceClip
from tta_bench.protocols.reaction.model import (
    FeaturePath,
    HidingDraws,
    ReactionNet,
    Statistics,
    VisualPath,
    build_reaction_net,
    hide_modalities,
)
from tta_bench.protocols.reaction.temporal import MeanHead, PaddedSequence

RECIPE = ReactionSettings(batch=4, steps=1, lr=1e-3, width=8, heads=2, dropout=0.0)
CLIP = ResolvedFaceClip(frames=3, size=32, sampling="uniform", cropper="none")
SOUND = Statistics(np.zeros(5, np.float32), np.ones(5, np.float32))


class Colour(nn.Module):
    """The colour of each frame, with batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, clip: Tensor) -> Tensor:
        batch, _, frames = clip.shape[:3]
        colour: Tensor = self.norm(clip.mean((3, 4)).transpose(1, 2).flatten(0, 1))
        return colour.reshape(batch, frames, 3)


def fusion(width: int = 8) -> ReactionNet:
    torch.manual_seed(1)
    seen = VisualPath(Colour(), MeanHead(3, width), by_frame=True)
    heard = FeaturePath(MeanHead(5, width), SOUND)
    return ReactionNet([seen, heard], width, 0.0, [0.5] * 7)


def inputs(frames: list[int], rows: list[int]) -> list[PaddedSequence]:
    clips = torch.randn(len(frames), 3, 3, 8, 8)
    return [
        PaddedSequence(clips, torch.tensor(frames)),
        PaddedSequence(torch.randn(len(rows), 4, 5), torch.tensor(rows)),
    ]


def test_intensities_are_between_0_and_1_and_start_at_the_means() -> None:
    means = [0.1, 0.5, 0.9]
    net = ReactionNet([FeaturePath(MeanHead(5, 8), SOUND)], 8, 0.0, means)
    outputs = net([PaddedSequence(torch.randn(6, 4, 5), torch.tensor([4, 3, 2, 1, 0, 4]))])
    assert outputs.shape == (6, 3)
    torch.testing.assert_close(outputs.mean(0), torch.tensor(means), atol=0.05, rtol=0)


def test_a_missing_modality_is_as_good_as_a_hidden_one_and_its_content_does_not_matter() -> None:
    net = fusion().eval()
    nn.init.normal_(net.missing)
    given_inputs = inputs([3, 3], [4, 4])
    hidden = net(given_inputs, torch.tensor([[True, False], [False, True]]))
    lacking = [
        PaddedSequence(given_inputs[0].values * torch.tensor([9.0, 1.0]).view(2, 1, 1, 1, 1), torch.tensor([0, 3])),
        PaddedSequence(given_inputs[1].values, torch.tensor([4, 0])),
    ]
    torch.testing.assert_close(net(lacking), hidden)
    assert not torch.allclose(net(given_inputs), hidden)


def test_a_clip_with_nothing_and_a_batch_without_a_modality_are_scored() -> None:
    net = fusion().train()
    outputs = net(inputs([0, 0], [4, 0]))
    outputs.sum().backward()
    assert outputs.isfinite().all()
    assert net.paths[0].encoder.norm.weight.grad is None  # nobody asked the encoder
    assert net.missing.grad is not None
    assert net.missing.grad[0].abs().sum() > 0


def test_batch_norm_sees_only_a_clips_own_frames() -> None:
    ragged, wild = inputs([2, 1], [4, 4]), inputs([2, 1], [4, 4])
    wild[0].values.copy_(ragged[0].values)
    wild[0].values[0, :, 2:] = 1e4
    wild[0].values[1, :, 1:] = -1e4
    wild[1] = ragged[1]
    torch.testing.assert_close(fusion().train()(wild), fusion().train()(ragged))


def test_features_are_standardised_by_the_statistics_in_the_checkpoint() -> None:
    mean, std = np.array([3.0, -2, 7, 0, 1e5], np.float32), np.array([2.0, 0.1, 0, 1, 1e-4], np.float32)
    path = FeaturePath(nn.Identity(), Statistics(mean, std))
    assert path.state_dict().keys() == {"mean", "std"}
    found: list[PaddedSequence] = []
    path.head.register_forward_hook(lambda module, given_inputs, output: found.append(given_inputs[0]))
    path(PaddedSequence(torch.tensor([[[5.0, -2.1, 8.0, 99.0, 0.0]]]), torch.tensor([1])))
    torch.testing.assert_close(found[-1].values, torch.tensor([[[1.0, -1.0, 0.0, 8.0, 0.0]]]))


def test_a_frozen_encoder_stays_as_it_is() -> None:
    path = VisualPath(Colour(), MeanHead(3, 8), by_frame=True, frozen=True)
    net = ReactionNet([path], 8, 0.0, [0.5])
    net.train()
    before = {name: tensor.clone() for name, tensor in path.encoder.state_dict().items()}
    net(inputs([3, 3], [1, 1])[:1]).sum().backward()
    assert all(torch.equal(before[name], tensor) for name, tensor in path.encoder.state_dict().items())
    assert all(parameter.grad is None for parameter in path.encoder.parameters())


def draws(present: NDArray[np.bool_], seed: int = 0) -> HidingDraws:
    return HidingDraws.of(*present.shape, np.random.default_rng(seed))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=8), st.floats(0, 0.99), st.data())
def test_one_modality_that_is_there_always_stays(rows: list[list[bool]], share: float, data: st.DataObject) -> None:
    present = np.array(rows)
    hidden = hide_modalities(present, share, draws(present, data.draw(st.integers(0, 99))))
    assert not (hidden & ~present).any()
    assert ((present & ~hidden).any(axis=1) == present.any(axis=1)).all()


def test_modalities_are_hidden_as_often_as_asked() -> None:
    every = np.ones((20_000, 2), bool)
    hidden = hide_modalities(every, 0.3, draws(every))
    assert hidden.mean() == pytest.approx(0.3 - 0.3**2 / 2, abs=0.01)  # of two hidden ones, one comes back
    assert not hide_modalities(every[:50, :1], 0.9, draws(every[:50, :1])).any()


@pytest.mark.parametrize("temporal", ["mean", "gru", "transformer"])
@pytest.mark.parametrize("name", ["timm/resnet10t", "videomaev2_vit_tiny"])
def test_a_card_becomes_a_network(name: str, temporal: str) -> None:
    train = RECIPE.model_copy(update={"temporal": temporal})
    card = backbone_card(name)
    clip = CLIP.model_copy(update={"frames": 4})
    net = build_reaction_net(card, clip, train, [None], [0.5] * 7, seed=0)
    again = build_reaction_net(card, clip, train, [None], [0.5] * 7, seed=0)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
    clips = PaddedSequence(torch.randn(3, 3, 4, 32, 32), torch.tensor([4, 0, 2]))
    assert net.eval()([clips]).shape == (3, 7)
