"""Contenders in processes of their own, one after the other: each has its memory as its users have it.

PyTorch leaves memory to the system's allocator, which a program may set as our training does. Within one process the
setting of one contender would be that of all.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from functools import partial
from multiprocessing.connection import Connection

from benchmarks.interleaved import Turn, timed

Calls = Mapping[str, Callable[[], object]]


def apart(made: Callable[[], AbstractContextManager[Calls]]) -> dict[str, Callable[[], Turn]]:
    """Return calls that are made and done in a process of their own, which ends with this one; each returns its turn.

    Args:
        made: A context that holds the calls: a function of a module, or a partial of one, for the other process.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    context.Process(target=_serve, args=(made, there), daemon=True).start()
    there.close()  # so that the end of the process is the end of the pipe
    return {name: partial(_turn, here, name) for name in here.recv()}


def _turn(end: Connection, name: str) -> Turn:
    end.send(name)
    turn: Turn = end.recv()
    return turn


def _serve(made: Callable[[], AbstractContextManager[Calls]], end: Connection) -> None:
    with made() as calls, suppress(EOFError):
        end.send([*calls])
        while True:
            end.send(timed(calls[end.recv()]))
