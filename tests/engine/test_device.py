from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from tta_bench.engine.device import (
    NORM_BATCH,
    Machine,
    OutOfMemory,
    ResolvedPrecision,
    memory_advice,
    peak_memory_of_process,
    resolve_device,
    resolve_micro_batch,
    resolve_precision,
    resolve_workers,
    smaller_micro_batch,
)
from tta_bench.errors import UserError
from tta_bench.experiments.common import RuntimeSettings

CPU = torch.device("cpu")


def test_auto_is_what_the_machine_has() -> None:
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_precision("auto", CPU) == "fp32"
    assert resolve_workers("auto") >= 1
    assert resolve_workers(0) == 0


@pytest.mark.parametrize("choice", ["abacus", "cuda:99", "mps"])
def test_a_device_that_is_not_there_is_refused(choice: str) -> None:
    with pytest.raises(UserError, match="runtime.device"):
        resolve_device(choice)


def test_float16_needs_a_gpu() -> None:
    with pytest.raises(UserError, match="needs a GPU"):
        resolve_precision("fp16", CPU)


@pytest.mark.parametrize(("choice", "clips", "expected"), [("auto", 256, 16), ("auto", 8, 8), (5, 32, 6), (64, 32, 32)])
def test_a_micro_batch_holds_whole_pairs(choice: int | str, clips: int, expected: int) -> None:
    assert resolve_micro_batch(choice, clips, CPU) == expected  # type: ignore[arg-type]


def test_out_of_memory_says_which_micro_batch_to_try() -> None:
    with pytest.raises(OutOfMemory, match="Try runtime.micro_batch=8;"), memory_advice(16):
        torch.empty(2**60)  # the CPU's allocator says no
    with pytest.raises(OutOfMemory, match="runtime.micro_batch=2;"), memory_advice(4):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
    with pytest.raises(OutOfMemory, match="Two clips are the least"), memory_advice(2):
        raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.mark.parametrize(("micro_batch", "smaller"), [(16, 8), (4, 2)])
def test_out_of_memory_names_the_key_that_gives_the_micro_batch(micro_batch: int, smaller: int) -> None:
    said = f"Try {NORM_BATCH}={smaller}; the batch of an optimisation step stays the same, and the run is not standard."
    with pytest.raises(OutOfMemory) as error, memory_advice(micro_batch, NORM_BATCH):
        raise torch.OutOfMemoryError("CUDA out of memory.")
    assert error.value.hint == said


def test_other_errors_pass_through() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"), memory_advice(16):
        torch.ones(2, 3) @ torch.ones(2, 3)


@pytest.mark.parametrize(("micro_batch", "smaller"), [(16, 8), (10, 4), (6, 2), (2, 2)])
def test_half_a_micro_batch_holds_whole_pairs(micro_batch: int, smaller: int) -> None:
    assert smaller_micro_batch(micro_batch) == smaller


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_a_machine_casts_to_its_precision_and_inference_keeps_no_graph(
    precision: ResolvedPrecision, dtype: torch.dtype
) -> None:
    layer, machine = nn.Linear(4, 1), Machine(CPU, precision)
    with machine.autocast():
        trained = layer(torch.ones(2, 4))
    with machine.inference():
        tested = layer(torch.ones(2, 4))
    assert (trained.dtype, trained.requires_grad) == (dtype, True)
    assert (tested.dtype, tested.requires_grad) == (dtype, False)


def test_only_float16_scales_its_loss() -> None:
    assert Machine(CPU, "fp32").scaler() is None
    assert Machine(CPU, "bf16").scaler() is None
    assert Machine(CPU, "fp16").scaler() is not None


def test_a_machine_is_made_of_settings() -> None:
    machine = Machine.of(RuntimeSettings(device="cpu", workers=2), "auto")
    assert (machine.device, machine.precision, machine.workers, machine.pin) == (CPU, "fp32", 2, False)
    assert machine.peak_memory() > 2**20


def test_peak_memory_is_in_bytes_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    linux = peak_memory_of_process()
    assert 2**24 < linux < 2**40
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "darwin")
        assert peak_memory_of_process() == pytest.approx(linux / 1024, rel=0.2)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "resource", None)  # Windows has none
        assert peak_memory_of_process() == 0
