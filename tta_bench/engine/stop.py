"""A clean stop of training by Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any


class Stopped(KeyboardInterrupt):
    """Training stopped cleanly because a signal asked for it."""

    def __init__(self, signum: int, step: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name} after step {step}")
        self.signum, self.step = signum, step


class StopRequest:
    """Remembers a first Ctrl-C or SIGTERM, so that the step under way can end; a second one interrupts at once.

    A context manager: inside it the two signals are taken over (in the main thread, where Python allows it).
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.asked: int = 0
        """Number of the signal that asked for a stop; 0 for none."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        """Take over the two signals."""
        try:
            self._before = {number: signal.signal(number, self._remember) for number in self.SIGNALS}
        except ValueError:
            self._before = {}
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _remember(self, number: int, _: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = number
