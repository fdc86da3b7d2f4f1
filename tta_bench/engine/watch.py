"""Looks at a model while it trains: a figure now and then, for the curve that people watch. They change no number."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Watch:
    """A look at the model every so many steps, and after the last one."""

    every: int
    """Steps from one look to the next."""
    look: Callable[[Callable[[], bool]], float | None]
    """Gives the figure, on all processes of the training the same; None if there is none, or a stop was asked for,
    which it is handed the question for."""

    def due(self, done: int, last: int) -> bool:
        """Return True if the model is to be looked at after so many steps of all."""
        return done > 0 and (done % self.every == 0 or done == last)

    def figure(self, stopped: Callable[[], bool]) -> float | None:
        """Return the figure of a look, which leaves the generators of random numbers as they were."""
        with undisturbed():
            return self.look(stopped)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Give the global generators of random numbers back as they were, on the GPUs too."""
    kept, drawn = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(kept)
            np.random.set_state(drawn)
