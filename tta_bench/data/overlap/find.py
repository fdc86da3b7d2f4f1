"""Overlap of two corpora, or of one with itself: pairs of clips that are near-duplicates."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.overlap.confirm import same_clip
from tta_bench.data.overlap.search import Candidate, candidates
from tta_bench.data.overlap.traces import traces
from tta_bench.utils.progress import Bar
from tta_bench.utils.signals import serve


@dataclass(frozen=True)
class Overlap:
    """Near-duplicates of two corpora."""

    clips: tuple[int, int]
    """Clips of each that were looked at."""
    pictures: tuple[int, int]
    """Pictures of each that were compared."""
    pairs: tuple[Candidate, ...]
    """Pairs of near-duplicates, in the order of their names."""
    candidates: int
    """Pairs that were looked at closely."""
    broken: dict[str, str] = field(default_factory=dict)
    """Reason of each clip that could not be decoded."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Time of each part."""

    @property
    def overlapping(self) -> list[str]:
        """Names of the second corpus' clips that are in the first, mirrored ones included."""
        return sorted({pair.b for pair in self.pairs})


def find_overlap(first: Mapping[str, Path], second: Mapping[str, Path] | None = None, workers: int = 1) -> Overlap:
    """Return the near-duplicates between two corpora, or within one.

    Args:
        first: Files of a corpus by name.
        second: Files of another; None compares the clips of the first with each other.
        workers: Threads that read the clips, and processes that take the close looks.
    """
    began = time.monotonic()
    one, broken = traces(dict(first), workers)
    other, more = (one, {}) if second is None else traces(dict(second), workers)
    traced = time.monotonic()
    likely = candidates(one, None if second is None else other)
    searched = time.monotonic()
    pairs = _confirmed(likely, first, first if second is None else second, workers)
    seconds = {"traces": traced - began, "search": searched - traced, "confirm": time.monotonic() - searched}
    counts = [(len(side), sum(len(trace.times) for trace in side.values())) for side in (one, other)]
    return Overlap(
        clips=(counts[0][0], counts[1][0]),
        pictures=(counts[0][1], counts[1][1]),
        pairs=tuple(sorted(pairs)),
        candidates=len(likely),
        broken=broken | more,
        seconds={name: round(value, 1) for name, value in seconds.items()},
    )


def _confirmed(
    likely: Sequence[Candidate], first: Mapping[str, Path], second: Mapping[str, Path], workers: int
) -> list[Candidate]:
    """Return the candidates that are the same clip; a pair found both ways counts as it is, not as mirrored."""
    files = [(first[pair.a], second[pair.b]) for pair in likely]
    kept: dict[tuple[str, str], Candidate] = {}
    with _processes(min(workers, len(likely))) as each, Bar("overlap", len(likely), "pairs") as bar:
        for pair, found in zip(likely, each(_is_same, likely, files), strict=True):
            bar.advance(1)
            if found and ((pair.a, pair.b) not in kept or not pair.mirrored):
                kept[pair.a, pair.b] = pair
    return list(kept.values())


def _is_same(pair: Candidate, files: tuple[Path, Path]) -> bool:
    try:
        return same_clip(*files, pair.shift, pair.mirrored)
    except (UnreadableVideo, OSError):
        return False


@contextmanager
def _processes(count: int) -> Iterator[Callable[..., Iterator[bool]]]:
    """Yield ``map``, or one that shares the work among processes: most of a close look is Python's own time."""
    if count < 2:
        yield map
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, spawn, serve, (os.getpid(),)) as pool:
        yield pool.map
