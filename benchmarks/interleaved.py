"""Timing several things in one run, turn by turn, so that a busy machine is busy for all of them."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import NamedTuple


class Turn(NamedTuple):
    """Seconds that one call took."""

    wall: float
    processor: float
    """Of all threads, and of processes that the call started and that have ended: what else the machine was doing does
    not count."""


Turns = dict[str, list[Turn]]


def interleaved(calls: Mapping[str, Callable[[], object]], rounds: int) -> Turns:
    """Return what each call took in each round, after one round that does not count."""
    return taken({name: partial(timed, call) for name, call in calls.items()}, rounds, warm=1)


def taken(calls: Mapping[str, Callable[[], Turn]], rounds: int, warm: int) -> Turns:
    """Return the turns of calls that time themselves, after so many rounds that do not count."""
    turns: Turns = {name: [] for name in calls}
    for turn in range(rounds + warm):
        for name, call in calls.items():
            took = call()
            if turn >= warm:
                turns[name].append(took)
    return turns


def timed(call: Callable[[], object]) -> Turn:
    """Return what a call took."""
    wall, processor = time.perf_counter(), processor_seconds()
    call()
    return Turn(time.perf_counter() - wall, processor_seconds() - processor)


def processor_seconds() -> float:
    """Return the processor time of this process and of those of its children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def interleaved_medians(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return each call's median seconds over the rounds, after one round that does not count."""
    return {name: median(turn.wall for turn in found) for name, found in interleaved(calls, rounds).items()}


def speed(turns: Turns, one: str, other: str) -> Turn:
    """Return how many times as fast one call was as another, as the median over the rounds' pairs."""
    pairs = list(zip(turns[one], turns[other], strict=True))
    return Turn(median(b.wall / a.wall for a, b in pairs), median(b.processor / a.processor for a, b in pairs))


def as_table(turns: Turns, one: str) -> str:
    """Return a line for each call: its medians, and how many times as fast one of them was."""
    return _table(turns, one, lambda other: "{} is {:.2f} times as fast ({:.2f}".format(one, *speed(turns, one, other)))


def share(turns: Turns, one: str, other: str) -> Turn:
    """Return one call's time in another's, as the median over the rounds' pairs."""
    pairs = list(zip(turns[one], turns[other], strict=True))
    return Turn(median(a.wall / b.wall for a, b in pairs), median(a.processor / b.processor for a, b in pairs))


def as_shares(turns: Turns, one: str) -> str:
    """Return a line for each call: its medians, and one call's time as a share of it."""
    return _table(turns, one, lambda other: "{} takes {:.2f} of it ({:.2f}".format(one, *share(turns, one, other)))


def _table(turns: Turns, one: str, compared: Callable[[str], str]) -> str:
    lines = []
    for name, found in turns.items():
        wall, processor = (1000 * median(values) for values in zip(*found, strict=True))
        said = f"{compared(name)} in processor time)" if name != one else ""
        lines.append(f"  {wall:9.1f} ms ({processor:9.1f} ms of processors)  {name:24} {said}".rstrip())
    return "\n".join(lines)
