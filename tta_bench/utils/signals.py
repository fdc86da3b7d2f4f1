"""Signals that ask a process to stop, and processes that end with their parent."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tta_bench.utils.orphans import end_with_parent

SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)
"""Signals that ask for a stop, those of them that the system has: Ctrl-C, a scheduler's, a lost terminal's."""
GRACE_SECONDS = 3.0
"""Time that a worker lives on after SIGTERM."""


class Interrupted(KeyboardInterrupt):
    """A signal that asked for a stop.

    Args:
        signum: Its number.
        said: Text for the user, if there is any.
    """

    def __init__(self, signum: int, *said: str) -> None:
        super().__init__(*said)
        self.signum = signum


def interrupt_on_signals() -> None:
    """Turn the signals that ask for a stop into `Interrupted`, from now on and for the whole process."""
    take_signals(_interrupt)


def ignore_signals() -> None:
    """Ignore the signals that ask for a stop: in a process that its parent ends, or that ends already."""
    take_signals(signal.SIG_IGN)


def take_signals(handler: Any) -> dict[int, Any]:
    """Set a handler for the signals that ask for a stop, and return those before; outside the main thread do nothing.

    A SIGHUP that ``nohup`` has set to be ignored stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    kept = {number for number in SIGNALS if number.name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN}
    return {number: signal.signal(number, handler) for number in SIGNALS if number not in kept}


@contextmanager
def one_signal(stop: Callable[[int], BaseException] = Interrupted) -> Iterator[None]:
    """Let one of the signals that ask for a stop interrupt the block: a second would end the waiting for the first.

    Schedulers send a signal to a process and to its group, which is two.

    Args:
        stop: Makes the exception for a signal's number.
    """

    def hear(number: int, _: FrameType | None) -> None:
        take_signals(lambda *_: None)  # a program that is started now would go on ignoring what is ignored here
        raise stop(number)

    before: dict[int, Any] = {}
    try:
        before = take_signals(hear)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold back the signals that ask for a stop, so that what is written last is whole; they arrive afterwards.

    They are remembered by a handler. A mask would hold back this thread's only: another thread takes the signal then,
    and Python calls the handler here in the middle of the writing.
    """
    arrived: dict[int, None] = {}
    before = take_signals(lambda number, _: arrived.setdefault(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in arrived:
            signal.raise_signal(number)


def serve(parent: int) -> None:
    """Make this process a worker: signals are its parent's, and it ends when the parent is gone.

    SIGTERM ends it too, a little later: from its pool, or, sent to a whole job, after the parent has taken it.

    Args:
        parent: Number of the parent's process.
    """
    leave_signals_to_parent()
    end_with_parent(parent)


def leave_signals_to_parent() -> None:
    """Ignore what is sent to a whole job, but end some time after SIGTERM: Python ends workers with it, and waits.

    The exit code is 0: for another one PyTorch would raise an error in the middle of the parent's own end.
    """
    ignore_signals()
    signal.signal(signal.SIGTERM, lambda *_: threading.Timer(GRACE_SECONDS, os._exit, (0,)).start())


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)
