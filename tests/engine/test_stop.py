from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tta_bench.engine.stop import Stopped, StopRequest
from tta_bench.utils.signals import Interrupted


@pytest.fixture(autouse=True)
def no_nohup() -> Iterator[None]:
    """Let a lost terminal's signal arrive: nohup, under which tests may run, ignores it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", StopRequest.SIGNALS)
def test_a_first_signal_is_remembered_and_a_repeated_one_changes_nothing(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopRequest() as request:
        os.kill(os.getpid(), number)
        assert request.asked == number
        others = [other for other in (*StopRequest.SIGNALS, number) if other != signal.SIGINT]
        for other in others:
            os.kill(os.getpid(), other)
        assert request.asked == number
        with pytest.raises(Interrupted) as stopped:
            os.kill(os.getpid(), signal.SIGINT)
        assert stopped.value.signum == signal.SIGINT
    assert signal.getsignal(number) == before


def test_a_thread_trains_without_taking_over_signals() -> None:
    def asked() -> int:
        with StopRequest() as request:
            return request.asked

    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asked).result() == 0
    assert signal.getsignal(signal.SIGINT) == before


def test_a_stop_says_which_signal_asked_for_it_and_when() -> None:
    stopped = Stopped(signal.SIGTERM, 7)
    assert isinstance(stopped, KeyboardInterrupt)
    assert str(stopped) == "stopped by SIGTERM after step 7"
