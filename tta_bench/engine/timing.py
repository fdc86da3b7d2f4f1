"""Time and memory of one phase of a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from tta_bench.engine.device import Machine
from tta_bench.engine.world import World

_Batch = TypeVar("_Batch")


@dataclass(frozen=True)
class Timing:
    """Time and memory that one phase of a run took."""

    clips: int = 0
    """Clips processed, views of a video counted one by one."""
    seconds: float = 0.0
    """Wall-clock time."""
    waiting: float = 0.0
    """Seconds spent waiting for data."""
    peak_memory: int = 0
    """Bytes."""


def shared_timing(timing: Timing, world: World) -> Timing:
    """Return the time of a phase that several processes shared: all clips, and the longest and most of any."""
    all_ = world.gather(timing)
    return Timing(
        sum(each.clips for each in all_),
        *(max(getattr(each, name) for each in all_) for name in ("seconds", "waiting", "peak_memory")),
    )


class TimedBatches(Generic[_Batch]):
    """A loader's batches, with a clock that starts now.

    Args:
        loader: The loader.
    """

    def __init__(self, loader: Iterable[_Batch]) -> None:
        self.loader = loader
        self.waiting = 0.0
        self.apart = 0.0
        """Seconds of work that is not counted."""
        self._begun = time.perf_counter()

    def __iter__(self) -> Iterator[_Batch]:
        """Yield every batch, and add up the time that the loader takes."""
        asked = time.perf_counter()
        for batch in self.loader:
            self.waiting += time.perf_counter() - asked
            yield batch
            asked = time.perf_counter()

    def timing(self, clips: int, machine: Machine) -> Timing:
        """Return the time since the clock started, in which a machine processed some clips."""
        return Timing(clips, time.perf_counter() - self._begun - self.apart, self.waiting, machine.peak_memory())
