"""Device, precision, loader processes and micro-batch of a run, resolved."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch

from tta_bench.engine.deterministic import fix_order
from tta_bench.engine.world import ALONE, World, current
from tta_bench.errors import RunFailed, UserError
from tta_bench.experiments.common import RuntimeSettings
from tta_bench.utils.faults import is_out_of_memory

ResolvedPrecision = Literal["bf16", "fp16", "fp32"]
CPU_MICRO_BATCH = 16
"""Clips at once on a CPU, where more cost memory and gain nothing."""
LEAST_MICRO_BATCH = 2
"""Smallest micro-batch: mixup partners must not be split."""

MICRO_BATCH = "runtime.micro_batch"
"""Key of the clips on the device at once."""
NORM_BATCH = "train.norm_batch"
"""Key of the same number where batch norm depends on it: locked."""


class OutOfMemory(RunFailed):
    """A micro-batch that does not fit into the device's memory."""


def resolve_device(choice: str, world: World = ALONE) -> torch.device:
    """Return the device of a name; ``auto`` is this process's own GPU, the first if it is alone, else the CPU.

    Raises:
        UserError: There is no such device here.
    """
    if choice == "auto":
        choice = "cuda" if torch.cuda.is_available() else "cpu"
    if choice == "cuda" and world.size > 1:
        choice = f"cuda:{world.local_rank}"
    try:
        device = torch.device(choice)
    except RuntimeError:
        raise UserError(f"runtime.device={choice} is not a device.", "Known: auto, cpu, cuda, cuda:N.") from None
    present = torch.cuda.device_count()
    if device.type not in {"cpu", "cuda"} or (device.type == "cuda" and (device.index or 0) >= present):
        raise UserError(f"runtime.device={choice}: this machine has {present} GPU(s).", "Try runtime.device=cpu.")
    return device


def resolve_precision(choice: str, device: torch.device) -> ResolvedPrecision:
    """Return the precision of a choice; ``auto`` is bfloat16 on a GPU that has it, else float32.

    Raises:
        UserError: float16 was asked for on a CPU, where its gradients underflow.
    """
    if choice == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    if choice == "fp16" and device.type == "cpu":
        raise UserError("precision=fp16 needs a GPU.", "Try precision=bf16 or precision=fp32.")
    assert choice in {"bf16", "fp16", "fp32"}
    return choice  # type: ignore[return-value]


def resolve_workers(choice: int | Literal["auto"], world: World = ALONE) -> int:
    """Return a process's number of loader processes.

    ``auto`` shares the cores among the machine's processes, leaves one core to each, and takes at most 8.
    """
    if choice == "auto":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 5
        return min(8, max(1, cores // world.local_size - 1))
    return choice


def resolve_micro_batch(choice: int | Literal["auto"], clips: int, device: torch.device, sharers: int = 1) -> int:
    """Return the micro-batch (clips on the device at once): even, so that mixup partners are not split.

    Args:
        choice: The user's.
        clips: Clips that there are in all.
        device: The device.
        sharers: Devices that shall be able to share the clips under an ``auto`` on a GPU.
    """
    auto = max(LEAST_MICRO_BATCH, clips // sharers) if device.type == "cuda" else CPU_MICRO_BATCH
    wanted = auto if choice == "auto" else choice
    return min(clips, wanted + wanted % 2)


def smaller_micro_batch(micro_batch: int) -> int:
    """Return half a micro-batch, in whole pairs."""
    return max(LEAST_MICRO_BATCH, micro_batch // 2 // 2 * 2)


AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}
"""Type that operations are cast to in each precision."""


@dataclass(frozen=True)
class Machine:
    """Device, precision and loader processes of a run, with nothing left to ``auto``."""

    device: torch.device
    precision: ResolvedPrecision
    workers: int = 0
    """Loader processes."""
    world: World = ALONE
    """The processes that share a training."""
    deterministic: bool = False
    """A GPU's operations add in a fixed order."""

    @classmethod
    def of(cls, runtime: RuntimeSettings, precision: str) -> Machine:
        """Return the machine that settings ask for; it takes deterministic operations at once, or the usual ones.

        Raises:
            UserError: There is no such device here, or it has no such precision.
        """
        world = current()
        device = resolve_device(runtime.device, world)
        resolved = resolve_precision(precision, device)
        fixed = fix_order(runtime.deterministic, device)
        return cls(device, resolved, resolve_workers(runtime.workers, world), world, fixed)

    @property
    def pin(self) -> bool:
        """True if loaded batches go into page-locked memory, from where a GPU reads quickly."""
        return self.device.type == "cuda"

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Run operations in the machine's precision, where that is safe."""
        dtype = AUTOCAST[self.precision]
        with torch.autocast(self.device.type, dtype, enabled=dtype is not None):
            yield

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Run forward passes in the machine's precision, without gradients."""
        with torch.inference_mode(), self.autocast():
            yield

    def scaler(self) -> torch.amp.GradScaler | None:
        """Return a loss scaler where the precision needs one: float16, whose small gradients underflow."""
        return torch.amp.GradScaler(self.device.type) if self.precision == "fp16" else None

    def peak_memory(self) -> int:
        """Return the most bytes used so far: of GPU memory on a GPU, else of the process."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return peak_memory_of_process()


def peak_memory_of_process() -> int:
    """Return the most bytes that this process has used so far; 0 where the system does not say, as on Windows."""
    try:
        import resource
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # macOS counts in bytes, Linux in KiB


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let PyTorch compute in so many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def memory_advice(micro_batch: int, key: str = MICRO_BATCH) -> Iterator[None]:
    """Turn running out of memory into an error that says which micro-batch to try.

    Args:
        micro_batch: Clips on the device at once.
        key: The key that gives their number.

    Raises:
        OutOfMemory: The operations inside did not fit.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        smaller = smaller_micro_batch(micro_batch)
        cost = ", and the run is not standard" if key == NORM_BATCH else ""
        raise OutOfMemory(
            f"out of memory with {micro_batch} clips on the device at once: {str(error).splitlines()[0]}",
            f"Try {key}={smaller}; the batch of an optimisation step stays the same{cost}."
            if smaller < micro_batch
            else "Two clips are the least; try another device or precision=bf16.",
        ) from None
