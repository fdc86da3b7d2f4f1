from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from tta_bench.engine.deterministic import WORKSPACE, fix_order
from tta_bench.engine.device import Machine
from tta_bench.experiments.common import RuntimeSettings

CPU, GPU = torch.device("cpu"), torch.device("cuda:1")


@pytest.fixture(autouse=True)
def put_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the process its usual operations back."""
    monkeypatch.setenv(WORKSPACE, "")
    monkeypatch.delenv(WORKSPACE)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    yield
    fix_order(False, GPU)


def state() -> tuple[bool, bool, bool, bool, bool]:
    """Return the switches: deterministic, then the backends of attention: flash, plain, two that vary."""
    backends = torch.backends.cuda
    return (
        torch.are_deterministic_algorithms_enabled(),
        backends.flash_sdp_enabled(),
        backends.math_sdp_enabled(),
        backends.mem_efficient_sdp_enabled(),
        backends.cudnn_sdp_enabled(),
    )


def test_a_gpu_takes_operations_of_a_fixed_order_and_the_usual_ones_again() -> None:
    usual = state()
    assert not usual[0]
    torch.backends.cudnn.benchmark = True
    assert fix_order(True, GPU)
    assert state() == (True, True, True, False, False)
    assert os.environ[WORKSPACE] == ":4096:8"
    assert not torch.backends.cudnn.benchmark
    assert not fix_order(False, GPU)
    assert state() == usual


@pytest.mark.parametrize("wanted", [True, False])
def test_a_cpu_changes_nothing(wanted: bool) -> None:
    usual = state()
    machine = Machine.of(RuntimeSettings(device="cpu", deterministic=wanted), "fp32")
    assert not machine.deterministic
    assert state() == usual
    assert WORKSPACE not in os.environ


def test_a_workspace_of_ones_own_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKSPACE, ":16:8")
    assert fix_order(True, GPU)
    assert os.environ[WORKSPACE] == ":16:8"


def test_a_gpu_that_was_asked_for_it_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for wanted in (True, False):
        assert Machine.of(RuntimeSettings(device="cuda:1", deterministic=wanted), "fp32").deterministic is wanted
