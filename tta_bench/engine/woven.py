"""Results of a list that several processes shared, in the list's order; each entry exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tta_bench.engine.world import World
from tta_bench.errors import RunFailed, shorten


def woven(
    world: World, indices: Sequence[int], results: Sequence[NDArray[np.float32]], count: int
) -> NDArray[np.float32]:
    """Return the results of a whole list, the same on every process.

    Args:
        world: The processes.
        indices: Places in the list of this process's results.
        results: Its results in batches ``(batch, ...)``, in the order of ``indices``.
        count: Length of the list.

    Raises:
        RunFailed: An entry of the list has no result, or several; says which.
    """
    told = world.gather((tuple(indices), np.concatenate(results) if results else None))
    places = Counter(index for given, _ in told for index in given)
    wrong = [str(index) for index in sorted({*places, *range(count)}) if places[index] != 1 or index >= count]
    if wrong:
        raise RunFailed(f"these of {count} were not scored exactly once: {shorten(wrong)}.", "Nothing is recorded.")
    whole: NDArray[np.float32] | None = None
    for given, values in told:
        if values is None:
            continue
        if whole is None:
            whole = np.empty((count, *values.shape[1:]), values.dtype)
        whole[list(given)] = values
    assert whole is not None
    return whole
