"""A clean stop of training by a signal."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from tta_bench.engine.world import PeerLost
from tta_bench.utils.signals import SIGNALS, Interrupted, take_signals


class Stopped(Interrupted):
    """Training stopped cleanly because a signal asked for it."""

    def __init__(self, signum: int, step: int) -> None:
        super().__init__(signum, f"stopped by {signal.Signals(signum).name} after step {step}")
        self.step = step


class StopRequest:
    """Remembers a first signal, so that the step under way can end; a second Ctrl-C interrupts at once.

    Schedulers and launchers repeat the other signals, to the process and to its group; the first one counts.

    A context manager: inside it the signals are taken over (in the main thread, where Python allows it).
    """

    SIGNALS = SIGNALS

    def __init__(self) -> None:
        self.asked: int = 0
        """Number of the signal that asked for a stop; 0 for none."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        """Take over the signals."""
        self._before = take_signals(self._remember)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Give the signals back; what was asked goes with the loss of a process, which no later step can answer."""
        if isinstance(error, PeerLost):
            error.asked = self.asked
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _remember(self, number: int, _: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise Interrupted(number)
        self.asked = self.asked or number
