"""Worker processes that end when their parent is killed.

A worker of a pool waits at a pipe of which all workers hold both ends, so a parent that was killed leaves them waiting
for ever.
"""

from __future__ import annotations

import os
import threading
import time

LOOK_SECONDS = 0.5
"""Time between looks at the parent."""


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


def _fork_server() -> int | None:
    """Return the number of Python's fork server, which starts workers in the place of their parent and ends with it."""
    import multiprocessing  # takes milliseconds, and every command comes by here

    return os.getppid() if multiprocessing.get_start_method(allow_none=True) == "forkserver" else None


def _watch(parent: int) -> None:
    """Look for the parent until another process, which takes orphans in, has its place."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)
