"""The interval of an accuracy over UCF101's test list, 10,000 resamples, beside scipy.stats.bootstrap.

SciPy resamples clips, which takes no account of groups. So that is not the same interval, but the nearest thing that it
does in one call; what it takes over groups (a ratio of two paired arrays, sums and counts) is timed as well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from scipy.stats import bootstrap

from benchmarks.interleaved import as_table, interleaved, speed
from benchmarks.ucf101_size import groups, hits
from tta_bench.metrics.intervals import group_bootstrap

HITS, GROUPS = hits(0.9, 0), groups()
VALUES = HITS.astype(float)
COUNTS = np.bincount(GROUPS).astype(float)
SUMS = np.bincount(GROUPS, weights=HITS)


def ratio(sums: np.ndarray, counts: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the mean that sums and counts of groups make."""
    return sums.sum(axis=axis) / counts.sum(axis=axis)


OURS = "tta-bench: group_bootstrap(hits, groups)"
PERCENTILE = "scipy: bootstrap((hits,), np.mean, n_resamples=10_000, method='percentile')"
CALLS: dict[str, Callable[[], object]] = {
    OURS: lambda: group_bootstrap(HITS, GROUPS),
    "scipy: bootstrap((hits,), np.mean, n_resamples=10_000)": lambda: bootstrap((VALUES,), np.mean, n_resamples=10_000),
    PERCENTILE: lambda: bootstrap((VALUES,), np.mean, n_resamples=10_000, method="percentile"),
    "scipy: the same with batch=100": lambda: bootstrap(
        (VALUES,), np.mean, n_resamples=10_000, method="percentile", batch=100
    ),
    "scipy: bootstrap((sums, counts), ratio, paired=True, method='percentile'), over groups": lambda: bootstrap(
        (SUMS, COUNTS), ratio, paired=True, n_resamples=10_000, method="percentile"
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_interval_of_an_accuracy(benchmark: BenchmarkFixture, name: str) -> None:
    benchmark.group = f"10,000 resamples of {len(HITS):,} clips in {len(COUNTS)} groups"
    benchmark.pedantic(CALLS[name], rounds=5, warmup_rounds=1)


def test_twelve_times_as_fast_as_scipy() -> None:
    """In processor time, which a busy machine does not change; the clock's ratio is printed beside it."""
    turns = interleaved(CALLS, rounds=21)  # ours is short, so many of its turns meet something else
    found = speed(turns, OURS, PERCENTILE)
    print("\n" + as_table(turns, OURS))
    print(f"{found.processor:.1f} times as fast as {PERCENTILE} in processor time, {found.wall:.1f} by the clock")
    assert found.processor >= 12
