from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.engine.pixels import erase, normalize, normalize_last


@settings(max_examples=30)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
def test_normalising_moves_channels_to_the_front(batch, frames, height, width):
    pixels = torch.randint(0, 256, (batch, frames, height, width, 3), dtype=torch.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    x = normalize(pixels, mean, std)
    exact = (pixels.double() / 255 - torch.tensor(mean).double()) / torch.tensor(std).double()
    assert x.dtype == torch.float32
    assert x.is_contiguous()
    torch.testing.assert_close(x.double(), exact.permute(0, 4, 1, 2, 3), rtol=1e-5, atol=1e-6)
    assert torch.equal(normalize_last(pixels, mean, std), x.permute(0, 2, 3, 4, 1))


def test_every_pixel_is_normalised_to_the_bits_of_its_formula_step_by_step():
    pixels = torch.arange(256, dtype=torch.uint8)[:, None].expand(256, 3).reshape(1, 2, 8, 16, 3)
    for mean, std in (((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), ((0.5, 0.1, 0.9), (0.3, 0.7, 1.0))):
        by_step = ((pixels.float() / 255) - torch.tensor(mean)) / torch.tensor(std)
        assert torch.equal(normalize_last(pixels, mean, std), by_step)
        assert torch.equal(normalize(pixels, mean, std), by_step.permute(0, 4, 1, 2, 3))


def test_erasing_fills_boxes_with_other_noise_in_every_frame():
    x = torch.full((2, 3, 4, 40, 50), 9.0)
    boxes = torch.tensor([[[3, 5, 20, 30]], [[0, 0, 0, 0]]])
    erased = erase(x.clone(), boxes, [1, 2])
    inside = erased[0, :, :, 3:23, 5:35]
    assert (erased[1] == 9).all()
    assert int((erased != 9).sum()) == inside.numel()
    assert abs(float(inside.mean())) < 0.05
    assert float(inside.std()) == pytest.approx(1, abs=0.05)
    assert not torch.equal(inside[:, 0], inside[:, 1])
    assert not torch.equal(inside[0], inside[1])
    alone = erase(x[:1].clone(), boxes[:1], [1])
    assert torch.equal(alone, erased[:1])
    assert not torch.equal(erase(x[:1].clone(), boxes[:1], [3]), alone)
