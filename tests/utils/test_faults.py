from __future__ import annotations

import errno

import pytest
import torch

from tta_bench.errors import RunFailed, UserError
from tta_bench.utils.faults import foreseen, is_out_of_memory


@pytest.mark.parametrize(
    ("error", "code", "said", "hint"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/w/a.pt"), 3, "the disk is full: /w/a.pt", "Make room"),
        (OSError(errno.EDQUOT, "Quota exceeded"), 3, "the disk is full: a file of this run", "same command goes on"),
        (OSError(errno.EFBIG, "File too large", "/w/a"), 3, "ulimit -f", "Raise"),
        (OSError(errno.EROFS, "Read-only file system", "/w"), 2, "/w is on a read-only disk", "--work-dir"),
        (PermissionError(errno.EACCES, "Permission denied", "/w"), 2, "/w may not be", "--work-dir"),
        (OSError(errno.EMFILE, "Too many open files"), 3, "too many files are open", "ulimit -n"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 3, "too little memory", "runtime.workers=0"),
        (MemoryError(), 3, "too little memory: an array", "runtime.micro_batch"),
        (RuntimeError("can't start new thread"), 3, "too little memory: can't start", "runtime.workers=0"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate"), 3, "memory", "Try"),
        (ImportError("libtorch.so: cannot allocate memory in static TLS"), 3, "too little memory", "Try"),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's"),
            3,
            "/dev/shm",
            "--shm-size",
        ),
        (
            RuntimeError("unable to write to file </torch_7_1_0>: No space (28)"),
            3,
            "/dev/shm",
            "--shm-size",
        ),
        (
            RuntimeError(
                "Caught RuntimeError in DataLoader worker process 3.\nOriginal Traceback (most recent call last):\n"
                "  File 'a.py', line 1, in f\nRuntimeError: unable to mmap 99 bytes from file </torch_7_1_0>: No space"
            ),
            3,
            "(/dev/shm): unable to mmap 99 bytes",
            "runtime.workers=0",
        ),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), 3, "was killed (Killed)", "workers"),
        (RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"), 3, "ended unexpectedly", "workers"),
        (RuntimeError("[enforce fail] . PytorchStreamWriter failed writing file data/1"), 3, "checkpoint", "room"),
    ],
)
def test_a_fault_of_the_machine_is_one_line_with_a_way_out(error: Exception, code: int, said: str, hint: str) -> None:
    found = foreseen(error)
    assert found is not None
    assert (found.exit_code, said in found.message, hint in found.hint) == (code, True, True), found
    assert "\n" not in found.message


def test_the_first_cause_counts() -> None:
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "/w/checkpoint.pt")
        except OSError:
            raise RuntimeError("unexpected pos 64 vs 0") from None
    except RuntimeError as error:
        found = foreseen(error)
    assert isinstance(found, RunFailed)
    assert "the disk is full: /w/checkpoint.pt" in found.message


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("by 0"), BrokenPipeError(errno.EPIPE, "Broken pipe"), KeyError("a")]
)
def test_anything_else_is_not_foreseen(error: Exception) -> None:
    assert foreseen(error) is None


def test_an_error_for_the_user_stays_as_it_is() -> None:
    error = UserError("a clip is missing.")
    assert foreseen(error) is error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("shapes do not fit"), False),
        (OSError(errno.ENOSPC, "No space left"), False),
    ],
)
def test_too_little_memory_is_known_on_every_device(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected
