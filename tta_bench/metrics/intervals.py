"""Bootstrap over groups of clips that share a source: resamples of the groups, and the percentiles of a mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.utils.keyed_random import key_bits

RESAMPLES = 10_000
"""Resamples of every interval that is reported."""
LEVEL = 0.95
"""Coverage of every interval that is reported."""
FEW_GROUPS = 20
"""With fewer groups than this, a percentile interval is clearly too narrow."""
Draws = Literal["philox", "sfc64"]
"""NumPy's generators of random bits that resamples are or were drawn with."""
DRAWS: Draws = "sfc64"
"""The generator of every new interval: the quickest whose bits NumPy keeps from version to version (NEP 19)."""
_BITS: dict[Draws, Any] = {"philox": lambda key: np.random.Philox(key=key), "sfc64": np.random.SFC64}
_drawn_with: ContextVar[Draws] = ContextVar("drawn_with", default=DRAWS)
_BLOCK = 50
"""Resamples that are drawn at once: an even number, few enough to stay in the processor's cache."""


class Interval(NamedTuple):
    """A value with its interval, and the numbers of samples and groups behind it."""

    value: float
    low: float
    high: float
    n: int
    """Samples, counting every appearance."""
    n_groups: int
    """Groups, the units that were resampled."""


def group_bootstrap(
    values: NDArray[Any],
    groups: NDArray[Any],
    cells: NDArray[Any] | None = None,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return a mean and its percentile interval from resampling whole groups (cluster bootstrap).

    The statistic is the mean over cells of each cell's mean. One cell is plain accuracy; classes as cells make it mean
    class accuracy; splits as cells make it the mean over splits. A resample that has no sample of a cell is averaged
    over the others. A clip that appears several times is as many rows of one group, so its appearances are drawn
    together. The draws are keyed and depend only on the number of groups, which are taken in sorted order: neither the
    order of the rows nor the machine changes the interval.

    Args:
        values: ``(N,)`` numbers or truth values.
        groups: ``(N,)`` name of each row's group.
        cells: ``(N,)`` name of each row's cell; by default all rows are in one.
        level: Coverage aimed at.
        resamples: Number of resamples.

    Raises:
        ValueError: There are no rows.
    """
    sums, counts = group_sums(values, groups, np.zeros(len(values), int) if cells is None else cells)
    low, high = percentiles(resampled_means(sums, counts, resamples), level)
    value = _mean_of_cells(sums.sum(axis=0, keepdims=True), counts.sum(axis=0, keepdims=True))[0]
    return Interval(float(value), float(low), float(high), len(values), len(sums))


def group_sums(
    values: NDArray[Any], groups: NDArray[Any], cells: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum and the number of the values of each group in each cell, both ``(groups, cells)`` and sorted."""
    if len(values) == 0:
        raise ValueError("no samples")
    group_names, group = np.unique(groups, return_inverse=True)
    cell_names, cell = np.unique(cells, return_inverse=True)
    shape = len(group_names), len(cell_names)
    index = group * shape[1] + cell
    size = shape[0] * shape[1]
    sums = np.bincount(index, weights=np.asarray(values, np.float64), minlength=size)
    counts = np.bincount(index, minlength=size)
    return sums.reshape(shape).astype(np.float64), counts.reshape(shape).astype(np.float64)


class GroupCodes(NamedTuple):
    """Samples by the number of their group, groups sorted by name."""

    names: NDArray[Any]
    """``(G,)`` the groups."""
    codes: NDArray[np.intp]
    """``(N,)`` number of each sample's group."""
    sizes: NDArray[np.intp]
    """``(G,)`` samples of each group."""


def group_codes(groups: NDArray[Any]) -> GroupCodes:
    """Return the groups of samples by number; the last ones are kept, as all runs of a split have the same.

    Args:
        groups: ``(N,)`` name of each sample's group.
    """
    return _codes(groups) if groups.dtype.hasobject else _codes_often(groups.dtype, groups.tobytes())


def _codes(groups: NDArray[Any]) -> GroupCodes:
    return GroupCodes(*np.unique(groups, return_inverse=True, return_counts=True))


@lru_cache(maxsize=16)
def _codes_often(kind: np.dtype[Any], content: bytes) -> GroupCodes:
    found = _codes(np.frombuffer(content, kind))
    for shared in found:
        shared.flags.writeable = False
    return found


def in_place(numbers: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """Return ascending numbers of an array's elements, as a slice where it is one, which copies nothing."""
    first, last = int(numbers[0]), int(numbers[-1]) + 1
    return slice(first, last) if last - first == len(numbers) else numbers


def resampled_means(
    sums: NDArray[np.float64], counts: NDArray[np.float64], resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Return the mean over cells of the cells' means in each resample of the groups, ``(resamples,)``."""
    if sums.shape[1] > 1:
        return np.concatenate([_mean_of_cells(w @ sums, w @ counts) for w in resample_weights(len(sums), resamples)])
    if (sums == np.floor(sums)).all() and sums.min() >= 0 and len(sums) * max(sums.max(), counts.max()) < 2**31:
        return _resampled_shares(sums[:, 0].astype(np.int64), counts[:, 0].astype(np.int64), resamples)
    pairs = sums[:, 0] + 1j * counts[:, 0]  # one look-up brings both, which takes half as long as weights
    totals = np.concatenate([pairs.take(drawn).sum(axis=1) for drawn in resample_groups(len(pairs), resamples)])
    means: NDArray[np.float64] = totals.real / totals.imag
    return means


def _resampled_shares(sums: NDArray[np.int64], counts: NDArray[np.int64], resamples: int) -> NDArray[np.float64]:
    """Return the share in each resample, where both are whole numbers: one number holds both, one above the other."""
    pairs = (sums << 32) | counts
    drawn_pairs = np.empty((_BLOCK, len(pairs)), np.int64)
    totals = np.empty(resamples, np.int64)
    for block, drawn in enumerate(resample_groups(len(pairs), resamples)):
        found = drawn_pairs[: len(drawn)]
        pairs.take(drawn, out=found, mode="clip")  # no number is out of range, and this asks no further
        found.sum(axis=1, out=totals[block * _BLOCK : block * _BLOCK + len(drawn)])
    means: NDArray[np.float64] = (totals >> 32) / (totals & (2**32 - 1))
    return means


def resample_weights(
    n_groups: int, resamples: int = RESAMPLES, unit: str = "group", block: int = _BLOCK
) -> Iterator[NDArray[np.float64]]:
    """Yield the draws of each group in each resample, ``(resamples, n_groups)``, in blocks of rows."""
    at_once = _BLOCK if block % _BLOCK == 0 else block
    row_starts = np.arange(at_once)[:, None] * n_groups
    draws = resample_groups(n_groups, resamples, unit, at_once)
    for start in range(0, resamples, block):
        weights = np.empty((min(block, resamples - start), n_groups))
        for row in range(0, len(weights), at_once):
            drawn = next(draws)
            places = (drawn + row_starts[: len(drawn)]).ravel()
            weights[row : row + len(drawn)] = np.bincount(places, minlength=drawn.size).reshape(drawn.shape)
        yield weights


def resample_groups(
    n_groups: int, resamples: int = RESAMPLES, unit: str = "group", block: int = _BLOCK
) -> Iterator[NDArray[np.int64]]:
    """Yield the number of each group drawn in each resample, ``(resamples, n_groups)``, in blocks of rows.

    The draws are the same in blocks of any even number.

    Equal numbers of groups give equal draws, so results resampled one by one are paired; other units are drawn anew.
    The draws are made of a generator's raw words, which NumPy keeps from version to version (NEP 19), and not by a
    method of its Generator, which it may change: a stored interval can be recomputed to the last digit later.
    """
    bits = _BITS[_drawn_with.get()](key_bits("bootstrap", unit, n_groups))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        words = bits.random_raw((rows * n_groups + 1) // 2).astype("<u8", copy=False).view("<u4")[: rows * n_groups]
        drawn = words.astype(np.uint64)
        drawn *= np.uint64(n_groups)
        drawn >>= np.uint64(32)  # a 32-bit fraction of n_groups, rounded down: uniform up to n_groups / 2**32
        yield drawn.view(np.int64).reshape(rows, n_groups)


@contextmanager
def drawn_with(draws: Draws) -> Iterator[None]:
    """Draw resamples with another generator inside, so that an interval of a record of before can be recomputed.

    Only ``records.score`` does. It is no parameter, since that would stand in every metric's ``measure``, those of
    plug-ins too, which know of no generator. A metric draws only while it measures, so none draws outside the block.
    """
    before = _drawn_with.set(draws)
    try:
        yield
    finally:
        _drawn_with.reset(before)


def percentiles(resampled: NDArray[np.float64], level: float = LEVEL) -> NDArray[np.float64]:
    """Return the lower and the upper end of a percentile interval over axis 0, ``(2, ...)``."""
    return np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2], axis=0)


def _mean_of_cells(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the non-empty cells (axis 1) of sum / count."""
    means = sums / np.maximum(counts, 1)  # an empty cell has the sum 0
    average: NDArray[np.float64] = means.sum(axis=1) / (counts > 0).sum(axis=1)
    return average
