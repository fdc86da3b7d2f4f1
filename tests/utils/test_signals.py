from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tta_bench.utils.signals import SIGNALS, Interrupted, interrupt_on_signals, one_signal, take_signals, undisturbed


@pytest.fixture(autouse=True)
def handlers_given_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, under which tests may run, ignores it
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_with_its_number(number: signal.Signals) -> None:
    interrupt_on_signals()
    with pytest.raises(Interrupted) as stopped:
        os.kill(os.getpid(), number)
    assert stopped.value.signum == number


@pytest.mark.parametrize("number", SIGNALS)
def test_what_is_written_last_is_not_disturbed(number: signal.Signals) -> None:
    interrupt_on_signals()
    written = []

    def write() -> None:
        with undisturbed():
            os.kill(os.getpid(), number)
            written.append(time.sleep(0.01))

    waiting = threading.Event()
    other = threading.Thread(target=waiting.wait)  # takes signals that the main thread does not
    other.start()
    try:
        with pytest.raises(Interrupted) as stopped:
            write()
    finally:
        waiting.set()
        other.join()
    assert written == [None]
    assert stopped.value.signum == number


def test_signals_that_nobody_sent_change_no_handler() -> None:
    interrupt_on_signals()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    with undisturbed():
        pass
    assert {number: signal.getsignal(number) for number in SIGNALS} == before


def test_a_lost_terminal_that_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupt_on_signals()
    os.kill(os.getpid(), signal.SIGHUP)
    assert signal.SIGHUP not in take_signals(signal.SIG_DFL)


WORKER = """
import os, sys, time
from tta_bench.utils.signals import serve
if child := os.fork():
    print(child, flush=True)
    time.sleep(float(sys.argv[1]))
else:
    serve(os.getppid())
    time.sleep(60)
"""


@pytest.mark.parametrize("end", ["its parent is killed", "it is asked to"])
def test_a_worker_ends_with_its_parent_and_not_at_once_with_a_signal(end: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", WORKER, "60"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    time.sleep(0.5)
    for number in (signal.SIGINT, signal.SIGUSR1):
        os.kill(worker, number)
    time.sleep(0.2)
    assert alive(worker)
    if end == "it is asked to":
        os.kill(worker, signal.SIGTERM)
        time.sleep(0.2)
        assert alive(worker)
    else:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(worker)
    parent.kill()
    parent.wait()


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Heard(Exception):
    """A signal that was heard."""


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
def test_one_of_many_signals_is_heard(first: signal.Signals) -> None:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = []
    with one_signal(Heard):
        try:
            signal.raise_signal(first)
        except Heard as stop:
            heard.append(stop.args[0])
        for number in (first, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)  # as the group's, and as a parent's own
    assert heard == [first]
    assert {number: signal.getsignal(number) for number in SIGNALS} == before
