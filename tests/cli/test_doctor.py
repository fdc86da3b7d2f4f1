from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import pytest
from click.testing import CliRunner, Result

from tta_bench.cli import cli, doctor


def examined() -> tuple[Result, dict[str, dict[str, Any]]]:
    done = CliRunner().invoke(cli, ["doctor", "--json"])
    return done, {finding["part"]: finding for finding in json.loads(done.stdout)}


def test_the_doctor_says_what_there_is_and_what_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TTA_BENCH_DATA", raising=False)
    done, found = examined()
    for part in ("python", "platform", "torch", "mmengine", "mmcv", "mmaction", "av", "decoder", "cpu", "disk"):
        assert found[part]["ok"], found[part]
    assert done.exit_code == 0
    assert found["no data root"]["state"] == "optional"
    assert "TTA_BENCH_DATA" in found["no data root"]["remedy"]
    assert "ucf101" in found["no data root"]["found"]
    assert found["ucf101_sample"]["ok"]


@pytest.mark.parametrize("variable", ["TTA_BENCH_DATA", "TTA_BENCH_SHARED"])
def test_a_variable_that_names_nothing_is_to_be_mended(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    done, found = examined()
    assert done.exit_code == 1
    assert found[variable]["state"] == "failed"


def test_a_variable_with_a_slip_of_the_pen_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTA_BENCH_DATAA", "/data")
    done, found = examined()
    assert done.exit_code == 0
    assert "TTA_BENCH_DATA" in found["TTA_BENCH_DATAA"]["remedy"]


@pytest.mark.parametrize(("name", "machine"), [("Darwin", "x86_64"), ("Linux", "armv7l")])
def test_a_platform_without_packages_is_refused(name: str, machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.platform, "system", lambda: name)
    monkeypatch.setattr(doctor.platform, "machine", lambda: machine)
    assert [line.part for line in doctor.system() if not line.ok] == ["platform"]


def test_an_extra_that_is_absent_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tta_bench.records.environment.installed_version", lambda name: None)
    lines = list(doctor.extras())
    assert {line.state for line in lines} == {"optional"}
    assert "pip install 'tta-bench[hf]'" in next(line.remedy for line in lines if line.part == "[hf]")


def test_a_package_that_is_absent_is_to_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    assert not any(line.ok for line in doctor.packages())


def test_an_opencv_without_contributed_modules_is_to_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "img_hash")
    (line,) = [line for line in doctor.packages() if line.part == "cv2"]
    assert not line.ok
    assert line.remedy == "pip install --force-reinstall opencv-contrib-python"


def test_an_opencv_that_lacks_a_library_is_to_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: str) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(doctor.importlib, "import_module", absent)
    (line,) = [line for line in doctor.packages() if line.part == "cv2"]
    assert not line.ok
    assert "libGL.so.1" in line.found


def test_the_doctor_is_quick_and_imports_no_mmaction() -> None:
    code = (
        "import sys; from tta_bench.cli.doctor import command\n"
        "command([], standalone_mode=False); assert 'mmaction' not in sys.modules and 'mmcv' not in sys.modules"
    )
    started = time.process_time(), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
    assert time.perf_counter() - started[1] < 20  # on a machine with nothing else to do: about one
