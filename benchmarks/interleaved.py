"""Timing several things in one run, turn by turn, so that a busy machine is busy for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

Seconds = dict[str, list[float]]


def interleaved_seconds(calls: Mapping[str, Callable[[], object]], rounds: int) -> Seconds:
    """Return each call's seconds in each round, after one round that does not count."""
    seconds: Seconds = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            begun = time.perf_counter()
            call()
            if turn:
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def interleaved_medians(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return each call's median seconds over the rounds, after one round that does not count."""
    return {name: median(found) for name, found in interleaved_seconds(calls, rounds).items()}


def speeds(seconds: Seconds, of: str) -> dict[str, float]:
    """Return how many times as fast as each of the others one call was, as the median over the rounds' pairs."""
    return {
        name: median(theirs / ours for theirs, ours in zip(found, seconds[of], strict=True))
        for name, found in seconds.items()
        if name != of
    }


def as_table(seconds: Seconds, of: str) -> str:
    """Return a line for each call: its median, and how many times as fast one of them was."""
    ratio = speeds(seconds, of)
    return "\n".join(
        f"  {1000 * median(found):9.1f} ms  {name}"
        + (f": {of} is {ratio[name]:.2f} times as fast" if name in ratio else "")
        for name, found in seconds.items()
    )
