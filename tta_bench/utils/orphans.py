"""Worker processes that end when their parent is killed.

A worker of a pool waits at a pipe of which all workers hold both ends, so a parent that was killed leaves them waiting
for ever.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOOK_SECONDS = 0.5
"""Time between looks at the parent."""
OFFSPRING_SECONDS = 10.0
"""Longest time to wait for processes that end because their parent has ended."""


def end_with_parent(parent: int) -> None:
    """End this process soon after its parent has ended; a thread looks.

    Args:
        parent: Number of the process that started it, as that process sees itself.
    """
    if os.name != "posix":  # elsewhere a process keeps the number of a parent that has ended
        return
    now = os.getppid()
    if now not in (parent, _fork_server()):
        os._exit(1)  # the parent had ended before this line
    threading.Thread(target=_watch, args=(now,), name="parent watch", daemon=True).start()


@contextmanager
def offspring_awaited() -> Iterator[None]:
    """Wait, after the block, until the processes that were started in it have ended, and theirs too.

    Every one of them holds a pipe of Python's resource tracker, which ends with the last one. A tracker from before the
    block keeps things of others, and goes on.
    """
    from multiprocessing import resource_tracker  # takes milliseconds, and every command imports this module

    tracker: Any = resource_tracker._resource_tracker
    begun_here = os.name == "posix" and tracker._fd is None
    try:
        yield
    finally:
        if begun_here:
            waiting = threading.Thread(target=tracker._stop, name="offspring", daemon=True)
            waiting.start()
            waiting.join(OFFSPRING_SECONDS)


def _fork_server() -> int | None:
    """Return the number of Python's fork server, which starts workers in the place of their parent and ends with it."""
    import multiprocessing  # takes milliseconds, and every command comes by here

    return os.getppid() if multiprocessing.get_start_method(allow_none=True) == "forkserver" else None


def _watch(parent: int) -> None:
    """Look for the parent until another process, which takes orphans in, has its place."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)
