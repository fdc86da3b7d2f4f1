"""Memory of a device: the limits that hold for this process, and what a training step will take of it.

The cut of a step follows from the total alone, never from what happens to be free, so that two runs of one command are
cut alike. What is free only refuses.
"""

from __future__ import annotations

import ctypes
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

SHARE = 0.5
"""Share of the total that a run with an ``auto`` micro-batch may take on a CPU; the rest is for others."""
BASE_BYTES = 9 * 10**8
"""Memory of a process on a CPU before it has a network: the interpreter and the libraries."""
WORKING = 1.3
"""Peak of a step's activations, of those that are kept for the backward pass: gradients and scratch come on top."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the system's own, where nothing is written here
"""Folder that stands for the memory that processes share, which a container has 64 MB of unless told otherwise."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Settings of glibc, mallopt(3): free bytes from which they are given back, and those of a piece that lies apart."""
_LARGEST_PIECE = 2**25
"""The most that glibc takes for the second, which it comes to by itself as larger pieces are freed."""
_UNLIMITED = 2**60
_replaced: list[int] = []
"""Limits of the address space that blocks of `within_free` replaced: theirs are no property of the machine."""
_ROOT = Path("/")
Result = TypeVar("Result")


def total_memory(device: torch.device, root: Path = _ROOT) -> int | None:
    """Return the bytes of memory that this process may have in all; None where the system does not say.

    Args:
        device: A GPU, or the CPU: there the least of the machine's memory, the limits of the process's control groups
            (version 1 and 2) and of all above them, and that of its address space.
        root: Folder that holds ``proc`` and ``sys``.
    """
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    limits = [limit for limit, _ in _groups(root)]
    return min([*_meminfo(root, "MemTotal"), *limits, *_address_space()], default=None)


def free_memory(device: torch.device, root: Path = _ROOT) -> int | None:
    """Return the bytes of memory that are free now for this process; None where the system does not say.

    Args:
        device: A GPU, or the CPU.
        root: Folder that holds ``proc`` and ``sys``.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    spare = [max(0, limit - used) for limit, used in _groups(root)]
    space = [max(0, limit - mapped) for limit in _address_space() for mapped in [_mapped(root)] if mapped]
    return min([*_meminfo(root, "MemAvailable"), *spare, *space], default=None)


def free_shared_memory() -> int | None:
    """Return the free bytes of the memory in which loader processes hand over items; None where there is no limit."""
    return shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else None


class StepMemory(NamedTuple):
    """Memory that a training step takes."""

    fixed: int
    """Bytes whatever the micro-batch: process, weights, gradients, sums and the optimizer's state."""
    per_clip: int
    """Bytes of the activations that the backward pass of one clip needs."""

    def least(self, clips: int) -> int:
        """Return the bytes that a micro-batch takes at the very least."""
        return self.fixed + self.per_clip * clips

    def expected(self, clips: int) -> int:
        """Return the bytes that a micro-batch will take."""
        return self.fixed + int(WORKING * self.per_clip * clips)


def fixed_bytes(model: nn.Module, optimizer_state: int, device: torch.device, gradients: int = 2) -> int:
    """Return the memory of a training before the first clip.

    Args:
        model: The network.
        optimizer_state: Bytes of the optimizer's state.
        device: The device.
        gradients: Gradients that are held at once, since sums of parts are kept: two are the fewest.
    """
    weights = sum(int(tensor.nbytes) for tensor in model.state_dict().values())
    trained = sum(int(parameter.nbytes) for parameter in model.parameters() if parameter.requires_grad)
    return weights + gradients * trained + optimizer_state + (BASE_BYTES if device.type == "cpu" else 0)


class Kept:
    """Memory of the activations that operations kept for their backward pass, while it was counted."""

    def __init__(self, model: nn.Module) -> None:
        self._own = {tensor.untyped_storage()._cdata for tensor in [*model.parameters(), *model.buffers()]}
        self._sizes: dict[int, int] = {}

    @property
    def bytes(self) -> int:
        """Bytes kept, each piece of memory counted once; weights do not count."""
        return sum(self._sizes.values())

    def add(self, tensor: Tensor) -> Tensor:
        """Count a tensor that is kept, and return it apart from its graph, which else is never freed."""
        storage = tensor.untyped_storage()
        if (name := storage._cdata) not in self._own:
            self._sizes[name] = max(storage.nbytes(), self._sizes.get(name, 0))
        return tensor.detach()


@contextmanager
def counting_kept(model: nn.Module) -> Iterator[Kept]:
    """Count the activations that operations in the block keep for their backward pass."""
    kept = Kept(model)
    with torch.autograd.graph.saved_tensors_hooks(kept.add, _same):
        yield kept


def nothing_left(call: Callable[[], Result]) -> Result:
    """Return a call's result, from a thread of its own in whose queue no failed backward pass leaves its graph.

    PyTorch's queue of a thread holds what a failed pass had still to do until the thread has ended, which is after
    Python has joined it: memory would be freed while the next trial asks for it, or while the interpreter ends, and
    then the process is aborted. A pass takes its latest operations first and drops those of failed ones on the way, so
    one of an operation older than the call's own empties the queue.

    Raises:
        BaseException: Whatever the call raises.
    """

    def emptied() -> Result:
        oldest = torch.zeros((), requires_grad=True) * 1
        try:
            return call()
        finally:
            oldest.backward()  # type: ignore[no-untyped-call]

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(emptied).result()


def give_back() -> None:
    """Give memory that nothing uses any more back to the system, which lets a failed trial's be asked for again."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):  # glibc alone keeps so much, and has a word for it
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def freed_kept(device: torch.device) -> Iterator[None]:
    """Let a process that computes on a CPU keep what the block frees for what it asks for next; then give it back.

    Else glibc gives it back to the system, which clears each page anew: a twentieth of a step. Pieces of more than 32
    MB lie apart and are given back all the same.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if device.type == "cpu" and os.name == "posix" else None
    if mallopt is None:
        yield
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST_PIECE)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_PIECE)  # as glibc has it beside its own choice of the other
        give_back()


@contextmanager
def within_free(device: torch.device) -> Iterator[None]:
    """Let the block take no more memory than is free: beyond it an allocation fails, and nothing swaps or is killed.

    It holds on Linux, on the CPU, as a limit of the address space; elsewhere nothing is limited.
    """
    free, mapped = free_memory(device), _mapped(_ROOT)
    if device.type != "cpu" or free is None or not mapped:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    known = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([mapped + free, *known]), hard))
    _replaced.append(soft)
    try:
        yield
    finally:
        _replaced.pop()
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _meminfo(root: Path, name: str) -> list[int]:
    """Return an entry of /proc/meminfo in bytes, if there is one."""
    lines = _text(root / "proc/meminfo").splitlines()
    return [int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")]


def _mapped(root: Path) -> int:
    """Return the size of this process's address space; 0 where the system does not say."""
    pages = _text(root / "proc/self/statm").split()
    if not pages:
        return 0
    import resource

    return int(pages[0]) * resource.getpagesize()


def _address_space() -> list[int]:
    """Return the limit of this process's address space, if there is one."""
    try:
        import resource
    except ImportError:
        return []
    soft = _replaced[0] if _replaced else resource.getrlimit(resource.RLIMIT_AS)[0]
    return [] if soft == resource.RLIM_INFINITY else [soft]


def _groups(root: Path) -> Iterator[tuple[int, int]]:
    """Yield limit and use, in bytes, of each control group that holds this process and has a limit."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, place = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        inner = mount / place.strip("/")
        # Inside a container the path is often that of the host, and the container's own group is the mount itself.
        for folder in [inner, *inner.parents]:
            if not folder.is_relative_to(mount):
                break
            limit, used = (_text(folder / name).strip() for name in names)
            if limit.isdigit() and int(limit) < _UNLIMITED:
                parts = dict(line.split() for line in _text(folder / "memory.stat").splitlines())
                files = [
                    sum(int(parts.get(f"{whole}{kind}_file", 0)) for kind in ("active", "inactive"))
                    for whole in ("", "total_")  # version 1 counts groups below apart
                ]
                yield int(limit), max(0, (int(used) if used.isdigit() else 0) - max(files))


def _text(path: Path) -> str:
    """Return a file's text; empty where it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""
