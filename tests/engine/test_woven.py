from __future__ import annotations

import numpy as np
import pytest

from tests.engine.processes import in_processes
from tta_bench.data.loading import batches_of
from tta_bench.engine.world import ALONE, current
from tta_bench.engine.woven import woven
from tta_bench.errors import RunFailed


def score(count: int, size: int) -> np.ndarray:
    world = current()
    batches = batches_of(count, size)[world.rank :: world.size]
    results = [np.array([[index, index**2] for index in batch], np.float32) for batch in batches]
    return woven(world, [index for batch in batches for index in batch], results, count)


@pytest.mark.parametrize(("count", "size"), [(7, 2), (5, 4), (2, 2)])
def test_an_odd_list_is_scored_once_by_any_number_of_processes(count: int, size: int) -> None:
    alone = score(count, size)
    assert alone[:, 0].tolist() == list(range(count))
    for given in in_processes(2, score, count, size):  # with two clips in one batch the second has none
        np.testing.assert_array_equal(given, alone)


@pytest.mark.parametrize(
    ("indices", "said"), [([0, 1, 1], "of 3 .*: 1, 2"), ([0, 1], "of 3 .*: 2"), ([0, 1, 2, 3], ": 3")]
)
def test_a_list_that_is_not_scored_once_is_refused(indices: list[int], said: str) -> None:
    with pytest.raises(RunFailed, match=said):
        woven(ALONE, indices, [np.zeros((len(indices), 1), np.float32)], 3)
