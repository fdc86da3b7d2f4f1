"""Figures of the official code, as the ``make_*`` programs wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent


def official_figures(name: str) -> dict[str, NDArray[Any]]:
    """Return all arrays of ``NAME.npz``."""
    with np.load(HERE / f"{name}.npz", allow_pickle=False) as figures:
        return dict(figures)
