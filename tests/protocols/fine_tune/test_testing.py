from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tta_bench.data import loading
from tta_bench.engine.device import Machine, OutOfMemory
from tta_bench.protocols.fine_tune.testing import average_views, multi_view_test

MACHINE = Machine(torch.device("cpu"), "fp32")
ZERO, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


class Colours(nn.Module):
    """Scores are the mean of red, of green and of blue; batch norm would show a model left in training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, clips: Tensor) -> Tensor:
        assert len(clips) <= 4
        scores: Tensor = self.norm(clips.mean((2, 3, 4)) * 5)
        return scores


def views(videos: int, count: int) -> Tensor:
    draw = torch.Generator().manual_seed(videos)
    return torch.randint(0, 256, (videos, count, 2, 4, 4, 3), dtype=torch.uint8, generator=draw)


def test_probabilities_of_views_are_averaged_and_do_not_depend_on_the_cut() -> None:
    clips, model = views(3, 2), Colours().eval()
    expected = torch.stack([model(clip.permute(0, 4, 1, 2, 3) / 255).softmax(-1).mean(0) for clip in clips])
    for micro_batch in (1, 4):
        scores = average_views(model, clips, ZERO, ONE, MACHINE, micro_batch)
        torch.testing.assert_close(scores, expected)


def test_a_list_is_tested_in_its_order_in_evaluation_mode() -> None:
    clips, model = views(5, 3), Colours().train()
    items: list[loading.TestItem] = [{"clips": clip, "index": index} for index, clip in enumerate(clips)]
    loader: DataLoader[loading.TestItem] = DataLoader(items, batch_size=2)  # type: ignore[arg-type]
    report = multi_view_test(model, loader, ZERO, ONE, MACHINE, micro_batch=4)
    np.testing.assert_allclose(report.scores, average_views(model.eval(), clips, ZERO, ONE, MACHINE, 2), rtol=1e-5)
    assert report.timing.clips == 15
    assert report.timing.seconds > 0


def test_a_micro_batch_that_does_not_fit_names_a_smaller_one() -> None:
    class Large(nn.Module):
        def forward(self, clips: Tensor) -> Tensor:
            return torch.empty(2**60)

    with pytest.raises(OutOfMemory, match="runtime.micro_batch=2"):
        average_views(Large(), views(1, 4), ZERO, ONE, MACHINE, 4)
