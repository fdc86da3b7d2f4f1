"""A step on a device without numbers: whatever waits for the device fails there, or is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tta_bench.engine import step as step_module
from tta_bench.engine.device import Machine
from tta_bench.engine.optimizer import Optimizer

NOWHERE = Machine(torch.device("meta"), "fp32")
"""A machine whose device computes shapes alone, so that it has no number to wait for."""


class Waits(TorchDispatchMode):
    """While it is entered, the operations in which a GPU would be waited for: reads, and copies that block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do an operation, and keep its name if it waits."""
        named = kwargs or {}
        name = func.overloadpacket.__name__
        result = func(*args, **named)
        if name == "_local_scalar_dense":
            self.found.append(name)
        if name in {"_to_copy", "copy_"}:
            source, end = (args[0], result) if name == "_to_copy" else (args[1], args[0])
            blocks = not named.get("non_blocking", len(args) > 2 and bool(args[2]))
            if source.device != end.device and blocks:
                self.found.append(f"{name} from {source.device} to {end.device}")
        return result


@contextmanager
def unread(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let steps on `NOWHERE` end before their figures are read, and give the operations that wait before that."""
    read: list[Tensor] = []

    def instead(losses: Tensor, *_: object) -> dict[str, float]:
        read.append(losses)
        return {"loss": 0.0, "grad_norm": 0.0}

    monkeypatch.setattr(step_module, "checked", instead)
    monkeypatch.setattr(Optimizer, "step", lambda _: None)  # the fused one knows no such device
    monkeypatch.setattr(Machine, "autocast", lambda _: nullcontext())
    with Waits() as waits:
        yield waits.found
    assert read, "no step was done"
