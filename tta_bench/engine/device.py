"""Where the tensors are and how precise: device, precision and micro-batch, resolved."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch.optim import Optimizer

from tta_bench.errors import RunFailed, UserError
from tta_bench.experiments.common import RuntimeSettings

ResolvedPrecision = Literal["bf16", "fp16", "fp32"]
CPU_MICRO_BATCH = 16
"""Clips at once on a CPU, where more only cost memory."""
LEAST_MICRO_BATCH = 2
"""Mixed pairs stay together."""


class OutOfMemory(RunFailed):
    """A micro-batch that does not fit into the device's memory."""


def resolve_device(choice: str) -> torch.device:
    """Return the device of a name; ``auto`` is the first GPU, else the CPU.

    Raises:
        UserError: There is no such device here.
    """
    if choice == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
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


def resolve_workers(choice: int | Literal["auto"]) -> int:
    """Return the number of loader processes; ``auto`` leaves one core to the training process, and takes at most 8."""
    if choice == "auto":
        return min(8, max(1, len(os.sched_getaffinity(0)) - 1 if hasattr(os, "sched_getaffinity") else 4))
    return choice


def resolve_micro_batch(choice: int | Literal["auto"], clips: int, device: torch.device) -> int:
    """Return how many of a step's clips are on the device at once: even, so that mixed pairs stay together."""
    if choice == "auto":
        choice = clips if device.type == "cuda" else CPU_MICRO_BATCH
    return min(clips, choice + choice % 2)


def smaller_micro_batch(micro_batch: int) -> int:
    """Return half a micro-batch, in whole pairs."""
    return max(LEAST_MICRO_BATCH, micro_batch // 2 // 2 * 2)


@dataclass(frozen=True)
class Machine:
    """What an experiment runs on and how precise, with nothing left to ``auto``."""

    device: torch.device
    precision: ResolvedPrecision
    workers: int
    """Loader processes."""

    @classmethod
    def of(cls, runtime: RuntimeSettings, precision: str) -> Machine:
        """Return the machine that settings ask for.

        Raises:
            UserError: There is no such device here, or it has no such precision.
        """
        device = resolve_device(runtime.device)
        return cls(device, resolve_precision(precision, device), resolve_workers(runtime.workers))

    @property
    def pin(self) -> bool:
        """Whether loaded batches go into page-locked memory, from where a GPU reads quickly."""
        return self.device.type == "cuda"


class AutocastOptimWrapper(OptimWrapper):  # type: ignore[misc]
    """MMEngine's optimizer wrapper with bfloat16 autocast on any device; its own AMP wrapper refuses CPUs."""

    def __init__(self, optimizer: Optimizer, device: torch.device, clip_grad: dict[str, float] | None) -> None:
        super().__init__(optimizer, clip_grad=clip_grad)
        self.device = device

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        """Run what is inside in bfloat16 where that is safe."""
        with super().optim_context(model), torch.autocast(self.device.type, torch.bfloat16):
            yield


def wrap_optimizer(
    optimizer: Optimizer, precision: ResolvedPrecision, device: torch.device, clip_grad: float | None
) -> OptimWrapper:
    """Return MMEngine's wrapper that does the precision's casting, scaling and clipping."""
    clip = None if clip_grad is None else {"max_norm": clip_grad}
    if precision == "fp16":
        return AmpOptimWrapper(optimizer=optimizer, clip_grad=clip, dtype="float16")
    if precision == "bf16":
        return AutocastOptimWrapper(optimizer, device, clip)
    return OptimWrapper(optimizer, clip_grad=clip)


@contextmanager
def inference(device: torch.device, precision: ResolvedPrecision) -> Iterator[None]:
    """Run a forward pass without gradients, in a precision."""
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}[precision]
    with torch.inference_mode(), torch.autocast(device.type, kind, enabled=kind is not None):
        yield


@contextmanager
def memory_advice(micro_batch: int) -> Iterator[None]:
    """Turn running out of memory into an error that says which ``runtime.micro_batch`` to try.

    Raises:
        OutOfMemory: What ran inside did not fit.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "allocate memory" not in str(error):
            raise
        smaller = smaller_micro_batch(micro_batch)
        raise OutOfMemory(
            f"out of memory with {micro_batch} clips on the device at once: {str(error).splitlines()[0]}",
            f"Try runtime.micro_batch={smaller}; the batch that is learned from stays the same."
            if smaller < micro_batch
            else "Two clips are the least; try another device or precision=bf16.",
        ) from None


def peak_memory(device: torch.device) -> int:
    """Return the most bytes used so far: of GPU memory on a GPU, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
