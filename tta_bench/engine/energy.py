"""Energy that a device used, by its own counters: NVML's for a GPU, RAPL's for processors.

Other processes' use of the same device is in it, and memory, fans and disks are not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import torch

from tta_bench.engine.device import Machine

_ROOT = Path("/")


class Counter(Protocol):
    """A counter of energy."""

    def used(self) -> float:
        """Return the joules since it was made; a counter that runs over is asked in between."""
        ...


class Packages:
    """Counters of the processor packages of this machine, which Linux keeps in ``sys/class/powercap``.

    Args:
        root: Folder that holds ``sys``.

    Raises:
        OSError: There are none, or they may not be read.
    """

    def __init__(self, root: Path = _ROOT) -> None:
        self._files = {
            folder / "energy_uj": int((folder / "max_energy_range_uj").read_text())
            for folder in sorted((root / "sys/class/powercap").glob("intel-rapl:[0-9]*"))
            if folder.name.count(":") == 1 and (folder / "name").read_text().startswith("package")
        }
        if not self._files:
            raise FileNotFoundError("no processor here counts its energy")
        self._last = {file: int(file.read_text()) for file in self._files}
        self._micro = 0

    def used(self) -> float:
        """Return the joules since it was made; correct as long as no counter runs over twice between two calls."""
        for file, most in self._files.items():
            now = int(file.read_text())
            self._micro += now - self._last[file] + (most + 1 if now < self._last[file] else 0)
            self._last[file] = now
        return self._micro / 1e6


class Board:
    """Counter of an NVIDIA GPU, in thousandths of a joule.

    Args:
        count: Reads it.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        self._count, self._begun = count, count()

    def used(self) -> float:
        """Return the joules since it was made."""
        return (self._count() - self._begun) / 1e3


def counter(machine: Machine) -> Counter | None:
    """Return a counter of the energy of a machine's device that starts now; None where the device does not tell.

    Of several processes on a machine the first one counts its processors, and each its own GPU.

    Args:
        machine: The machine.
    """
    if machine.device.type == "cuda":
        return _board(machine.device)
    with suppress(OSError, ValueError):
        return Packages() if machine.world.local_rank == 0 else None
    return None


def _board(device: torch.device) -> Board | None:
    """Return the counter of a GPU, for which the package pynvml asks NVIDIA's driver."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        return Board(lambda: int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)))
    except pynvml.NVMLError:
        return None
