from __future__ import annotations

import pytest
import torch
from torch import nn

from tta_bench.models.noise import ClipDropout, clip_noise


def net() -> nn.Sequential:
    return nn.Sequential(ClipDropout(40, 0.25), nn.Linear(40, 40), ClipDropout(40, 0.5)).train()


def test_a_clip_has_the_same_noise_whatever_company_it_is_in() -> None:
    torch.manual_seed(0)
    model, clips = net(), torch.randn(3, 40)
    with clip_noise(model, [7, 8, 9]):
        together = model(clips)
    with clip_noise(model, [9]):
        alone = model(clips[2:])
    torch.testing.assert_close(alone, together[2:])
    with clip_noise(model, [7]):
        assert not torch.equal(model(clips[2:]) == 0, alone == 0)


def test_a_share_is_zeroed_the_rest_scaled_up_and_nothing_in_evaluation() -> None:
    dropout, ones = ClipDropout(1000, 0.25).train(), torch.ones(20, 1000, dtype=torch.bfloat16)
    with clip_noise(dropout, range(20)):
        dropped = dropout(ones)
    assert dropped.dtype == torch.bfloat16
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).bfloat16().item()}
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert torch.equal(dropout.eval()(ones), ones)
    assert torch.equal(ClipDropout(1000, 0.0).train()(ones), ones)


def test_without_seeds_or_with_another_batch_than_clips_the_noise_is_its_own() -> None:
    model = net()
    with clip_noise(model, [1, 2]):
        assert len(model(torch.ones(5, 40))) == 5
    assert not torch.equal(model(torch.ones(2, 40)), model(torch.ones(2, 40)))


def test_a_network_without_such_parts_is_left_alone() -> None:
    with clip_noise(nn.Linear(2, 2), [1, 2]):
        pass
