"""Faults of the machine that a run meets: full disks, read-only folders, too little memory. One line each."""

from __future__ import annotations

import errno
import re

from tta_bench.errors import BenchError, RunFailed, UserError

GOES_ON = "the same command goes on from the last checkpoint."
MORE_SHARED_MEMORY = "Say runtime.workers=0, or give a container more: docker run --shm-size=8g."
_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_SHARED_MEMORY = re.compile(r"shared memory|\bshm\b|unable to (write|mmap)|/torch_\d|Bus error", re.I)
_MEMORY = re.compile(
    r"allocate memory|can't (start new thread|allocate)|cannot allocate|failed to map segment|bad_alloc", re.I
)
_WORKER = re.compile(r"DataLoader worker .*?(?:killed by signal: (?P<signal>[^.]+)|exited unexpectedly)", re.S)


def foreseen(error: BaseException) -> BenchError | None:
    """Return the error for the user that a fault of the machine is, or None for any other.

    Args:
        error: The exception. PyTorch turns errors of the system into RuntimeErrors, so what caused it counts too.
    """
    for cause in _chain(error):
        if isinstance(cause, BenchError):
            return cause
        if isinstance(cause, OSError) and (found := _of_system(cause)) is not None:
            return found
    return next(filter(None, map(_of_text, _chain(error))), None)


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if an error says that the memory of a GPU or of the machine does not suffice for a tensor."""
    gpu = type(error).__name__ == "OutOfMemoryError"  # PyTorch's, which is not loaded for this
    return gpu or isinstance(error, MemoryError) or "allocate memory" in str(error)


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception, and those that it came from, the first one last."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    return chain


def _of_system(error: OSError) -> BenchError | None:
    """Return the error that an error of the operating system is."""
    where = error.filename or "a file of this run"
    if error.errno in _FULL:
        return RunFailed(f"the disk is full: {where} could not be written.", f"Make room; {GOES_ON}")
    if error.errno == errno.EFBIG:
        return RunFailed(
            f"{where} would be larger than a file may be here (ulimit -f).", f"Raise that limit; {GOES_ON}"
        )
    if error.errno in _REFUSED:
        reason = "is on a read-only disk" if error.errno == errno.EROFS else "may not be read or written"
        return UserError(f"{where} {reason}.", "Choose another --work-dir, or TTA_BENCH_CACHE for cached data.")
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return RunFailed("too many files are open (ulimit -n).", f"Try ulimit -n 4096 or runtime.workers=0; {GOES_ON}")
    if error.errno in {errno.ENOMEM, errno.EAGAIN}:
        return _too_little_memory(str(error))
    return None


def _of_text(error: BaseException) -> BenchError | None:
    """Return the error that an exception without a number is, by its text."""
    text = str(error)
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | OSError | ImportError) and _MEMORY.search(text)
    ):
        return _too_little_memory(text)
    if not isinstance(error, RuntimeError):
        return None
    if _SHARED_MEMORY.search(text):
        return RunFailed(
            f"the loader's processes have too little shared memory (/dev/shm): {_cause(text)}",
            f"{MORE_SHARED_MEMORY} Then {GOES_ON}",
        )
    if match := _WORKER.search(text):
        by = f"was killed ({match['signal']})" if match["signal"] else "ended unexpectedly"
        return RunFailed(f"a loader process {by}: out of memory, perhaps.", f"Try fewer runtime.workers; {GOES_ON}")
    if "PytorchStreamWriter" in text:
        return RunFailed(f"a checkpoint could not be written: {_first_line(text)}", f"Make room; {GOES_ON}")
    return None


def _too_little_memory(text: str) -> RunFailed:
    return RunFailed(
        f"there is too little memory: {_first_line(text) or 'an array did not fit'}",
        f"Try runtime.workers=0 or a smaller runtime.micro_batch; {GOES_ON}",
    )


def _cause(text: str) -> str:
    """Return the error itself where a loader's process sent its whole traceback, else the first line."""
    last = (text.strip().splitlines() or [""])[-1]
    return last.partition("Error: ")[2][:200] or _first_line(text) if text.startswith("Caught") else _first_line(text)


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:200]
