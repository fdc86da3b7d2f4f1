"""Variables of the environment from which libraries take the number and the patience of their threads.

A library asks once, when it is loaded: so nothing heavy is imported here, and a call comes before the library's import.
What the user has set stands.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SPINS, POLICY = "GOMP_SPINCOUNT", "OMP_WAIT_POLICY"
"""Rounds that a thread of libgomp, PyTorch's, spins before it sleeps; and the policy of any OpenMP."""
MATRIX_THREADS = "OPENBLAS_NUM_THREADS"
"""Threads of NumPy's matrix products."""


def let_threads_sleep() -> None:
    """Let PyTorch's threads spin only a moment while they wait for each other, if the user has not said otherwise.

    Beside other programs all wait for a thread that lost its core: steps take half the time so, and as long as before
    on idle cores.
    """
    if POLICY not in os.environ:
        os.environ.setdefault(SPINS, "1000")


@contextmanager
def one_matrix_thread() -> Iterator[None]:
    """Let a NumPy that is loaded inside multiply matrices on one thread, if the user has not said another number.

    Its other threads would wait by spinning, for a sixth of the processor time of rendering the boards.
    """
    said = os.environ.get(MATRIX_THREADS)
    os.environ.setdefault(MATRIX_THREADS, "1")
    try:
        yield
    finally:
        if said is None:
            os.environ.pop(MATRIX_THREADS, None)
