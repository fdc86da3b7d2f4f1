"""Time and memory of one phase of a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from tta_bench.engine.device import Machine
from tta_bench.engine.energy import counter
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
    joules: float | None = None
    """Energy that the device used; None where it does not tell."""


def shared_timing(timing: Timing, world: World) -> Timing:
    """Return the time of a phase that several processes shared: all clips, the longest and most of any, all energy."""
    all_ = world.gather(timing)
    joules = [each.joules for each in all_ if each.joules is not None]
    return Timing(
        sum(each.clips for each in all_),
        max(each.seconds for each in all_),
        max(each.waiting for each in all_),
        max(each.peak_memory for each in all_),
        sum(joules) if joules else None,
    )


class TimedBatches(Generic[_Batch]):
    """A loader's batches, with a clock and a counter of energy that start now.

    Args:
        loader: The loader.
        machine: Device that works on them.
    """

    def __init__(self, loader: Iterable[_Batch], machine: Machine) -> None:
        self.loader, self._machine, self._energy = loader, machine, counter(machine)
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
            self._joules()
            asked = time.perf_counter()

    def timing(self, clips: int) -> Timing:
        """Return time and energy since the start, in which the machine processed some clips."""
        seconds = time.perf_counter() - self._begun - self.apart
        return Timing(clips, seconds, self.waiting, self._machine.peak_memory(), self._joules())

    def _joules(self) -> float | None:
        return None if self._energy is None else self._energy.used()
