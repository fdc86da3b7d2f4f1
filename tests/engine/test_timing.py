from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from tta_bench.engine.device import Machine
from tta_bench.engine.timing import TimedBatches


def slow() -> Iterator[int]:
    for number in range(3):
        time.sleep(0.02)
        yield number


def test_waiting_is_the_loaders_time_and_not_the_consumers() -> None:
    batches = TimedBatches(slow())
    assert [number for number in batches if not time.sleep(0.03)] == [0, 1, 2]
    timing = batches.timing(12, Machine(torch.device("cpu"), "fp32"))
    assert timing.clips == 12
    assert 0.06 <= timing.waiting < timing.seconds - 0.08
    assert timing.peak_memory > 2**20
