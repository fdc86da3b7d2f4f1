from __future__ import annotations

import torch

from tta_bench.cards.catalog import backbone_card
from tta_bench.contract.subject import CLIPS, Subject, clip_shape, own_clip

CARD = backbone_card("videomaev2_vit_tiny").model_copy(update={"stride": 3})


def test_the_clip_is_the_cards_own() -> None:
    clip = own_clip(CARD)
    assert (clip.frames, clip.size, clip.stride, clip.span) == (CARD.frames, CARD.size, 3, 3 * CARD.frames)
    assert clip_shape(clip) == (3, CARD.frames, CARD.size, CARD.size)


def test_clips_and_weights_are_always_the_same() -> None:
    one, two = Subject(CARD), Subject(CARD)
    assert one.clips.shape == (CLIPS, *one.shape)
    assert torch.equal(one.clips, two.clips)
    assert torch.equal(one.features, two.features)
    other = one.build(1)
    assert any(not torch.equal(a, b) for a, b in zip(one.module.parameters(), other.parameters(), strict=True))


def test_a_forward_pass_leaves_clips_and_mode_alone() -> None:
    subject = Subject(CARD)
    subject.module.train()
    before = subject.clips.clone()
    features = subject.run(subject.module, subject.clips[:1])
    assert torch.equal(subject.clips, before)
    assert subject.module.training
    assert not features.requires_grad


def test_another_extent_is_another_subject() -> None:
    other = Subject(CARD).resized(8, 32)
    assert other.shape == (3, 8, 32, 32)
    assert Subject(CARD).shape != other.shape
