"""Overlap of two corpora, or of one with itself: pairs of clips that are near-duplicates."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.overlap.confirm import same_clip
from tta_bench.data.overlap.search import Candidate, candidates
from tta_bench.data.overlap.traces import traces
from tta_bench.utils.progress import Bar


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
        workers: Threads.
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

    def same(pair: Candidate) -> bool:
        try:
            return same_clip(first[pair.a], second[pair.b], pair.shift, pair.mirrored)
        except (UnreadableVideo, OSError):
            return False

    with ThreadPoolExecutor(workers) as pool, Bar("overlap", len(likely), "pairs") as bar:
        kept: dict[tuple[str, str], Candidate] = {}
        for pair, found in zip(likely, pool.map(same, likely), strict=True):
            bar.advance(1)
            if found and ((pair.a, pair.b) not in kept or not pair.mirrored):
                kept[pair.a, pair.b] = pair
    return list(kept.values())
