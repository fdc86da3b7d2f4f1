from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tta_bench.engine.running_statistics import (
    RunningStatistics,
    normalises_over_batch,
    require_shared_buffers,
    require_shared_norms,
)
from tta_bench.engine.world import ALONE, World
from tta_bench.errors import UserError

TWO = World(0, 2)


class Frozen(nn.Module):
    """A network whose batch norm stays in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def train(self, mode: bool = True) -> Frozen:
        super().train(mode)
        self.norm.eval()
        return self


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.3), nn.BatchNorm1d(4))


def batches(count: int) -> list[Tensor]:
    return list(torch.randn(count, 6, 3, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("parts", [2, 5])
def test_parts_apply_as_a_network_itself_does(parts: int) -> None:
    own, taken = net(), net()
    statistics = RunningStatistics(taken, parts)
    with statistics.held():
        for batch in batches(parts):
            assert torch.equal(own(batch), taken(batch))
    assert taken[1].num_batches_tracked == 0
    statistics.apply(statistics.taken)
    for one, other in zip(own.buffers(), taken.buffers(), strict=True):
        torch.testing.assert_close(one, other)
    assert (taken[1].momentum, taken[1].num_batches_tracked) == (0.3, parts)


def test_any_sharing_gives_the_same_bits() -> None:
    found = []
    for cut in (4, 2, 1):
        model, told = net(), []
        for share in (batches(4)[:cut], batches(4)[cut:]):
            statistics = RunningStatistics(model, 4)
            with statistics.held():
                for batch in share:
                    model(batch)
            told += statistics.taken
        statistics.apply(told)
        found.append([buffer.clone() for buffer in model.buffers()])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_frozen_norms_and_a_failing_part_leave_everything_as_it_was() -> None:
    model = net()
    model[1].eval()
    before = [buffer.clone() for buffer in model.buffers()]
    statistics = RunningStatistics(model, 2)
    with pytest.raises(RuntimeError, match="shapes"), statistics.held():
        model(batches(1)[0]) @ torch.zeros(1, 1)
    assert all(torch.equal(a, b) for a, b in zip(before, model.buffers(), strict=True))
    assert [number for number, *_ in statistics.taken] == [1]


def test_a_single_part_is_the_networks_own_account() -> None:
    model = net()
    statistics = RunningStatistics(model, 1)
    with statistics.held():
        model(batches(1)[0])
    assert (statistics.taken, int(model[1].num_batches_tracked)) == ([], 1)


@pytest.mark.parametrize(
    ("norm", "said"), [(nn.BatchNorm1d(2, momentum=None), "momentum=None"), (nn.SyncBatchNorm(2), "SyncBatchNorm")]
)
def test_norms_that_cannot_be_shared_are_refused(norm: nn.Module, said: str) -> None:
    model = nn.Sequential(nn.Identity(), norm)
    require_shared_norms(model, ALONE)
    with pytest.raises(UserError, match=f"^1 .*{said}"):
        require_shared_norms(model, TWO)


def test_buffers_that_change_by_themselves_are_refused() -> None:
    model = net()
    model.register_buffer("seen", torch.zeros(1))
    before = [buffer.clone() for buffer in model.buffers()]
    model(batches(1)[0])
    require_shared_buffers(model, before, TWO)
    model.seen += 1
    require_shared_buffers(model, before, ALONE)
    with pytest.raises(UserError, match="the buffer seen changes"):
        require_shared_buffers(model, before, TWO)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.GroupNorm(1, 2), nn.InstanceNorm1d(2)), False),
        (nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.BatchNorm2d(2))), True),
        (nn.BatchNorm3d(2, track_running_stats=False).eval(), True),
        (Frozen(), False),
    ],
)
def test_a_model_normalises_over_its_batch_unless_its_norms_are_frozen(model: nn.Module, expected: bool) -> None:
    assert normalises_over_batch(model) is expected
