"""Ties: how a sample counts whose true class has the same score as others.

A tie counts as a fraction: where k of the tied classes fit among the best, the sample counts k parts of their number,
which is what breaking ties at random gives on average. Records from before know no ties; there a tie is a miss.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Places(NamedTuple):
    """Place of a class in each sample, among all classes."""

    ranks: NDArray[np.integer[Any]]
    """``(N,)`` number of other classes that score at least as high."""
    tied: NDArray[np.integer[Any]] | None = None
    """``(N,)`` number of other classes with the same score; None where it was not kept, and a tie is a miss."""


class TiedRanks(Protocol):
    """Outcomes of a classifier that may know of ties."""

    @property
    def ranks(self) -> NDArray[np.uint8]:
        """Number of other classes that score at least as high as the true one, ``(N,)``."""

    @property
    def tied(self) -> NDArray[np.uint8] | None:
        """Number of other classes that score as the true one, ``(N,)``."""

    @property
    def tied_below(self) -> NDArray[np.uint8] | None:
        """Number of those that have a lower number than the true one, ``(N,)``; None where there are none."""


def places(scores: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], ...]:
    """Return the number of other classes at least as high, as high, and as high with a lower number, ``(N,)`` each.

    Args:
        scores: ``(N, C)``, higher is better, in the precision in which they are compared.
        labels: ``(N,)`` classes in ``[0, C)``.
    """
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    same = scores == own
    lower = np.arange(scores.shape[1]) < labels[:, None]
    ranks, tied = (~(scores < own)).sum(axis=1) - 1, same.sum(axis=1) - 1
    return ranks.astype(np.int64), np.maximum(tied, 0).astype(np.int64), (same & lower).sum(axis=1).astype(np.int64)


def counted(found: Places, k: int = 1) -> NDArray[Any]:
    """Return the count of each sample in top-k accuracy, ``(N,)``: truth values, or numbers from 0 to 1 with ties."""
    if found.tied is None or not found.tied.any():
        return np.asarray(found.ranks < k)
    tied = found.tied.astype(np.int64)
    above = found.ranks.astype(np.int64) - tied
    return np.asarray(np.clip((k - above) / (tied + 1), 0.0, 1.0))


def hits(samples: TiedRanks, k: int = 1) -> NDArray[Any]:
    """Return the count of each sample of a classifier in top-k accuracy, ``(N,)``."""
    return counted(Places(samples.ranks, samples.tied), k)


def official_hits(samples: TiedRanks) -> NDArray[np.bool_]:
    """Return the samples that are right where the lowest class number wins a tie, as the official code has it."""
    assert samples.tied is not None
    before = 0 if samples.tied_below is None else samples.tied_below.astype(np.int64)
    return np.asarray(samples.ranks.astype(np.int64) - samples.tied + before == 0)
