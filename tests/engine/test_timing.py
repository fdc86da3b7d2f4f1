from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch

from tta_bench.engine import timing
from tta_bench.engine.device import Machine
from tta_bench.engine.timing import TimedBatches

CPU = Machine(torch.device("cpu"), "fp32")


def slow() -> Iterator[int]:
    for number in range(3):
        time.sleep(0.02)
        yield number


def test_waiting_is_the_loaders_time_and_not_the_consumers() -> None:
    batches = TimedBatches(slow(), CPU)
    assert [number for number in batches if not time.sleep(0.03)] == [0, 1, 2]
    timed = batches.timing(12)
    assert timed.clips == 12
    assert 0.06 <= timed.waiting < timed.seconds - 0.08
    assert timed.peak_memory > 2**20


def test_the_counter_of_energy_is_asked_after_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counter:
        asked = 0

        def used(self) -> float:
            self.asked += 1
            return float(self.asked)

    monkeypatch.setattr(timing, "counter", lambda _: Counter())
    batches = TimedBatches(slow(), CPU)
    assert list(batches) == [0, 1, 2]
    assert batches.timing(3).joules == 4.0
    monkeypatch.setattr(timing, "counter", lambda _: None)
    assert TimedBatches(slow(), CPU).timing(0).joules is None
