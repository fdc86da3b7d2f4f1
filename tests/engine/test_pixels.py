from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.engine.pixels import normalize


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
