from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tta_bench.cards.catalog import backbone_card
from tta_bench.contract.contract import check_backbone
from tta_bench.contract.report import as_table, is_kept
from tta_bench.errors import UserError
from tta_bench.models.backbones.audio import build_audio
from tta_bench.models.backbones.sound_modules import SoundModule
from tta_bench.registry import register_backbone


class Hears(nn.Module):
    """A strided convolution; of its maps the mean, or all of them."""

    def __init__(self, mean: bool) -> None:
        super().__init__()
        self.conv, self.drop, self.mean = nn.Conv1d(1, 4, 400, 320), nn.Dropout(), mean

    def forward(self, sound: Tensor) -> Tensor:
        maps = self.drop(self.conv(sound[:, None])).transpose(1, 2)
        return maps.mean(1) if self.mean else maps


@pytest.mark.parametrize("mean", [True, False])
def test_a_network_is_a_backbone_of_sound_and_keeps_the_contract(mean: bool) -> None:
    register_backbone("hears", modality="audio")(lambda: Hears(mean))
    findings = check_backbone(backbone_card("hears"))
    assert is_kept(findings), as_table(findings)
    sound = np.linspace(-1, 0.9, 16000, dtype=np.float32)
    state = torch.get_rng_state()
    first = build_audio(backbone_card("hears"))(sound)
    assert torch.equal(torch.get_rng_state(), state)
    assert first.shape == ((4,) if mean else (49, 4))
    np.testing.assert_array_equal(build_audio(backbone_card("hears"))(sound), first)


class Gives(nn.Module):
    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, sound: Tensor) -> object:
        return self.function(sound)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda sound: (sound, sound[:, :3]), r"a tuple of \(1, 960\) and \(1, 3\): return one of them"),
        (lambda sound: {"last_hidden_state": sound[:, :3]}, r"a dict of last_hidden_state \(1, 3\)"),
        (lambda sound: sound[0], r"gives \(960,\) for a batch of one sound"),
        (lambda sound: None, "gives a NoneType"),
    ],
)
def test_another_output_is_said_once_and_with_its_shapes(function: Callable[[Tensor], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SoundModule(Gives(function))(np.zeros(960, np.float32))
