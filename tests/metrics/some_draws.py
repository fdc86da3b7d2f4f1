"""Draws of groups, for the tests of metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

weights = st.lists(st.integers(0, 3), min_size=24, max_size=24).filter(lambda drawn: sum(drawn) > 2)


def rows_of(groups: Any, drawn: list[int]) -> Any:
    """Return the rows of a resample: each group's, as often as it was drawn."""
    names = np.unique(groups)
    return np.concatenate(
        [np.flatnonzero(groups == name) for name, n in zip(names, drawn, strict=True) for _ in range(n)]
    )
