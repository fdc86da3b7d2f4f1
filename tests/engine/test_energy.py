from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tta_bench.engine import energy
from tta_bench.engine.device import Machine
from tta_bench.engine.world import World

MOST = 262_143_328_850


def package(root: Path, number: str, micro: int, name: str = "package-0") -> Path:
    """Write a counter as Linux shows it."""
    folder = root / f"sys/class/powercap/intel-rapl:{number}"
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{MOST}\n")
    (folder / "energy_uj").write_text(f"{micro}\n")
    return folder / "energy_uj"


def test_packages_are_added_and_their_parts_are_not_counted_twice(tmp_path: Path) -> None:
    first, second = package(tmp_path, "0", 5), package(tmp_path, "1", 7, "package-1")
    core, psys = package(tmp_path, "0:0", 1, "core"), package(tmp_path, "2", 1, "psys")
    counter = energy.Packages(tmp_path)
    first.write_text("2000005")
    second.write_text("3000007")
    core.write_text("9000000")
    psys.write_text("9000000")
    assert counter.used() == 5.0
    assert counter.used() == 5.0


def test_a_counter_that_runs_over_goes_on(tmp_path: Path) -> None:
    file = package(tmp_path, "0", MOST - 1_000_000)
    counter = energy.Packages(tmp_path)
    for _ in range(2):
        for micro in (999_999, MOST - 1_000_000):
            file.write_text(str(micro))
            counter.used()
    assert counter.used() == pytest.approx(2 * (MOST + 1) / 1e6)


def test_no_counter_is_no_energy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="counts its energy"):
        energy.Packages(tmp_path)
    second = World(rank=1, size=2, local_rank=1, local_size=2)
    assert energy.counter(Machine(torch.device("cpu"), "fp32", world=second)) is None


@pytest.mark.parametrize("missing", ["package", "driver", "nothing"])
def test_a_gpu_is_asked_through_its_driver(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    class NVMLError(Exception):
        pass

    def begin() -> None:
        if missing == "driver":
            raise NVMLError

    told = iter((1_000, 4_500))
    library = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=begin,
        nvmlDeviceGetHandleByUUID=lambda name: name,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(told) if handle == "GPU-1-2" else 0,
    )
    monkeypatch.setitem(sys.modules, "pynvml", None if missing == "package" else library)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="1-2"))
    counter = energy.counter(Machine(torch.device("cuda", 0), "fp32"))
    assert (counter is None) == (missing != "nothing")
    assert counter is None or counter.used() == 3.5
