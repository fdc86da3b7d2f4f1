"""Search of clips whose pictures agree over a stretch of time: candidates, which are then looked at closely."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.data.overlap.traces import CROPS, RATE, VALUES, Trace, mirrored

ALIKE = 0.72
"""Cosine of two descriptors from which their pictures may be the same."""
FEWEST_PICTURES = 3
"""Pictures that must agree at one shift in time, of a clip that has no more."""
USUAL_PICTURES = 6
"""Pictures that must agree of longer clips: a second and a half."""
USUAL_STRETCH = 10
"""Pictures of the stretch that both of two longer clips must show: over less than two and a half seconds, cameras that
pass the same place are not told apart."""
SHARE_OF_PICTURES = 0.4
"""Share of the pictures of the overlapping stretch that must agree."""
_PAIRS = 2**26
"""Pairs of descriptors that are compared at once: 256 MB, and as much again while it is worked out."""


class Candidate(NamedTuple):
    """Two clips whose pictures agree at one shift in time."""

    a: str
    b: str
    shift: float
    """Seconds by which a picture of the first clip comes later than that of the second."""
    mirrored: bool
    pictures: int
    """Pictures of the second clip that agree."""


class _Stack(NamedTuple):
    """Descriptors of all clips of a corpus, one after the other."""

    names: Sequence[str]
    clips: NDArray[np.int32]
    times: NDArray[np.float32]
    described: NDArray[np.float16]


def candidates(first: Mapping[str, Trace], second: Mapping[str, Trace] | None = None) -> list[Candidate]:
    """Return the pairs of clips whose pictures agree, each with the shift in time at which most do.

    Args:
        first: Traces of a corpus by name.
        second: Traces of another; None compares the clips of the first with each other.
    """
    one = _stack(first)
    other = one if second is None else _stack(second)
    found = []
    for turned in (False, True):
        votes = _votes(one, other, turned, within=second is None)
        found += [_best(pair, times, one, other, turned) for pair, times in votes.items()]
    return [pair for pair in found if pair is not None]


def _stack(traces: Mapping[str, Trace]) -> _Stack:
    names = list(traces)
    lengths = [len(traces[name].times) for name in names]
    empty = np.zeros((0, len(CROPS), VALUES), np.float16)
    described = np.concatenate([empty, *(traces[name].described for name in names)])
    times = np.concatenate([np.zeros(0, np.float32), *(traces[name].times for name in names)])
    return _Stack(names, np.repeat(np.arange(len(names), dtype=np.int32), lengths), times, described)


def _votes(
    one: _Stack, other: _Stack, turned: bool, within: bool
) -> dict[tuple[int, int], dict[int, dict[int, float]]]:
    """Return by pair of clips and shift in time, in parts of a second, the pictures that agree and how well."""
    votes: dict[tuple[int, int], dict[int, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    right = other.described.astype(np.float32)
    right = np.asarray(mirrored(right), np.float32) if turned else right
    step = max(1, _PAIRS // max(1, len(right)))
    for start in range(0, len(one.clips), step):
        left = one.described[start : start + step].astype(np.float32)
        likeness = left[:, 0] @ right[:, 0].T
        for crop in range(1, len(CROPS)):
            np.maximum(likeness, left[:, crop] @ right[:, 0].T, out=likeness)
            np.maximum(likeness, left[:, 0] @ right[:, crop].T, out=likeness)
        rows, columns = np.nonzero(likeness >= ALIKE)
        a, b = one.clips[start + rows], other.clips[columns]
        kept = a < b if within else np.ones(len(a), bool)
        rows, columns, a, b = rows[kept], columns[kept], a[kept], b[kept]
        shifts = np.rint((one.times[start + rows] - other.times[columns]) * RATE).astype(int)
        values = likeness[rows, columns]
        entries = (a.tolist(), b.tolist(), shifts.tolist(), columns.tolist(), values.tolist())
        for clip, clip_b, shift, column, value in zip(*entries, strict=True):
            agreed = votes[clip, clip_b][shift]
            agreed[column] = max(agreed.get(column, 0.0), value)
    return votes


def _best(
    pair: tuple[int, int], shifts: Mapping[int, Mapping[int, float]], one: _Stack, other: _Stack, turned: bool
) -> Candidate | None:
    """Return a pair with the shift at which its pictures agree best, or None where too few do."""
    shift = max(shifts, key=lambda at: (sum(shifts[at].values()), -abs(at)))
    times = one.times[one.clips == pair[0]], other.times[other.clips == pair[1]]
    moved = times[1] + shift / RATE
    edge = 0.5 / RATE
    stretch = int(((moved >= times[0].min() - edge) & (moved <= times[0].max() + edge)).sum())
    agreed = len(shifts[shift])
    usual = min(USUAL_PICTURES, *map(len, times))
    if stretch < min(USUAL_STRETCH, *map(len, times)) or agreed < max(
        FEWEST_PICTURES, usual, SHARE_OF_PICTURES * stretch
    ):
        return None
    return Candidate(one.names[pair[0]], other.names[pair[1]], shift / RATE, turned, agreed)
