"""``tta-bench doctor``: report of platform, packages, extras, variables, folders and devices, with remedies.

Packages are found, not imported: ``tta-bench check BACKBONE`` runs one for real.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from tta_bench.cli.documents import echo_json, json_option

TESTED = {"Linux": ("x86_64", "aarch64"), "Darwin": ("arm64",), "Windows": ("AMD64",)}
"""Systems and processors that the required packages have wheels for; only Linux is tried in CI."""
GPU_DRIVERS = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Places by which Linux shows a driver of NVIDIA or AMD; the last is that of Windows' Linux."""
SHARED = Path("/dev/shm")  # noqa: S108 - the system's own, where nothing is written
"""Memory that loader processes share, on Linux."""
SHARED_BYTES = 1e9
"""Shared memory below which loader processes may fail."""
VARIABLES = {
    "TTA_BENCH_DATA": "folder",
    "TTA_BENCH_CACHE": "place",
    "TTA_BENCH_CONFIG": "file",
    "TTA_BENCH_REGISTRY": "folders",
    "TTA_BENCH_OFFLINE": "switch",
    "TTA_BENCH_SHARED": "folder",
}
"""Environment variables of the suite, and what each names."""


@dataclass(frozen=True)
class ReportLine:
    """One line of the doctor's report."""

    part: str
    found: str
    ok: bool = True
    """False only for what keeps runs from working."""
    remedy: str = ""
    state: Literal["ok", "optional", "failed"] = "ok"
    """``optional``: absent, and nothing is wrong with that."""


def failed(part: str, found: str, remedy: str = "") -> ReportLine:
    """Return a line about what keeps runs from working."""
    return ReportLine(part, found, False, remedy, "failed")


def optional(part: str, found: str, use: str = "") -> ReportLine:
    """Return a line about something absent that a run may do without, with a use of it."""
    return ReportLine(part, found, True, use, "optional")


@click.command("doctor")
@json_option()
def command(as_json: bool) -> None:
    """Report on this machine, with a remedy for what is missing.

    Lines are on platform, packages, extras, variables, data, folders and devices.
    What is missing comes with a remedy. The exit code is 1 if something keeps runs from working; what is merely
    optional changes nothing.
    """
    lines = [*system(), *packages(), *extras(), *variables(), *decoder(), *data_roots(), *folders(), *devices()]
    broken = [line for line in lines if not line.ok]
    if as_json:
        echo_json([asdict(line) for line in lines])
    else:
        _print(lines)
        click.echo(f"{len(broken)} to mend: {', '.join(line.part for line in broken)}." if broken else "All is well.")
    if broken:
        raise click.exceptions.Exit(1)


def _print(lines: list[ReportLine]) -> None:
    width = max(len(line.part) for line in lines)
    marks = {"ok": click.style("ok", fg="green"), "optional": " -", "failed": click.style("!!", fg="red")}
    for line in lines:
        click.echo(f"{marks[line.state]} {line.part:{width}}  {line.found}")
        for text in line.remedy.splitlines():
            click.echo(f"   {'':{width}}  {text}")


def system() -> Iterator[ReportLine]:
    """Yield Python, the operating system and its processor."""
    yield ReportLine("python", platform.python_version())
    name, machine = platform.system(), platform.machine()
    found = f"{name} {machine}"
    if machine not in TESTED.get(name, ()):
        remedy = "PyTorch has no package for it. Use Linux (x86_64, aarch64), macOS on Apple's processors, or Windows."
        yield failed("platform", found, remedy)
    else:
        yield ReportLine("platform", found if name == "Linux" else f"{found}: installable; CI tries Linux only")


def packages() -> Iterator[ReportLine]:
    """Yield each required package that a number may depend on."""
    from tta_bench.records.environment import OPTIONAL, PACKAGES, installed_version

    for distribution, module in PACKAGES.items():
        if distribution in OPTIONAL:
            continue
        version = installed_version(distribution)
        if importlib.util.find_spec(module) is None:
            yield failed(module, "not installed", f"pip install {distribution}")
        elif module == "cv2" and (fault := _fault_of_opencv()):
            yield failed(module, fault, "pip install --force-reinstall opencv-contrib-python")
        else:
            yield ReportLine(module, version or f"there, but not the distribution {distribution}")


def _fault_of_opencv() -> str:
    """Return the reason for which the OpenCV that is installed is of no use, or an empty text."""
    try:
        opencv = importlib.import_module("cv2")
    except ImportError as error:  # a library of the system that it needs is absent
        return f"there, but cannot be imported: {error}"
    return "" if hasattr(opencv, "img_hash") else "there, without the contributed modules"


def extras() -> Iterator[ReportLine]:
    """Yield each extra, with its packages that are there, or the command that installs it."""
    from tta_bench.records.environment import installed_version

    for extra, names in _extras().items():
        versions = {name: installed_version(name) for name in names}
        if all(versions.values()):
            yield ReportLine(f"[{extra}]", ", ".join(f"{name} {version}" for name, version in versions.items()))
        else:
            missing = ", ".join(name for name, version in versions.items() if not version)
            yield optional(f"[{extra}]", f"without {missing}", f"For its use: pip install 'tta-bench[{extra}]'")


def _extras() -> dict[str, list[str]]:
    """Return the distributions of each extra for users, as the installed suite's metadata say."""
    found: dict[str, list[str]] = {}
    try:
        required = importlib.metadata.requires("tta-bench") or []
    except importlib.metadata.PackageNotFoundError:
        return found
    for text in required:
        match = re.match(r"([\w.-]+)(?:\[.*?\])?[^;]*;.*extra == ['\"]([\w-]+)['\"]", text)
        if match and match.group(2) not in ("dev", "docs"):
            found.setdefault(match.group(2), []).append(match.group(1))
    return found


def variables() -> Iterator[ReportLine]:
    """Yield each environment variable of the suite that is set, and whether what it names is there."""
    for name in sorted(name for name in os.environ if name.startswith("TTA_BENCH_")):
        value, kind = os.environ[name], VARIABLES.get(name)
        paths = [Path(part).expanduser() for part in (value.split(os.pathsep) if kind == "folders" else [value])]
        if kind is None:
            yield optional(name, value, f"Not a variable of this suite; those are {', '.join(VARIABLES)}.")
        elif not value:
            yield optional(name, "set, but empty: as if it were not set")
        elif kind in ("folder", "folders") and not all(path.is_dir() for path in paths):
            absent = next(path for path in paths if not path.is_dir())
            yield failed(name, f"{absent} is no folder", f"Make it, or unset {name}.")
        elif kind == "file" and not paths[0].is_file():
            yield optional(name, f"{value} is no file: nothing is read from it")
        else:
            yield ReportLine(name, value)


def devices() -> Iterator[ReportLine]:
    """Yield the processor cores and each GPU; torch, which takes seconds to load, is asked where there is a driver."""
    yield ReportLine("cpu", f"{os.cpu_count()} cores")
    if sys.platform == "linux" and not any(Path(path).exists() for path in GPU_DRIVERS):
        yield optional("gpu", "none: runs take the CPU, which is enough for the sample tier")
        return
    try:
        import torch
    except Exception as error:  # a package that is there may still not load
        said = str(error).splitlines() or [type(error).__name__]
        yield failed("torch loads", said[0], "pip install --force-reinstall torch")
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield ReportLine(f"cuda:{index}", f"{properties.name}, {properties.total_memory / 1e9:.0f} GB")
    if not torch.cuda.is_available():
        yield optional("gpu", "none that torch can use: runs take the CPU, which is enough for the sample tier")


def decoder() -> Iterator[ReportLine]:
    """Yield the video decoder."""
    try:
        from av import library_versions

        codec = ".".join(map(str, library_versions.get("libavcodec", ())))
        yield ReportLine("decoder", f"PyAV {importlib.metadata.version('av')}, libavcodec {codec}")
    except Exception as error:
        yield failed("decoder", f"PyAV does not load: {error}", "pip install --force-reinstall av")


def data_roots() -> Iterator[ReportLine]:
    """Yield the folder of each dataset, or a remedy where none is configured."""
    from tta_bench.cards.catalog import dataset_card
    from tta_bench.cards.files import card_files
    from tta_bench.config.resolve import data_root

    absent = []
    for name in card_files("datasets"):
        card = dataset_card(name)
        if card.generator is not None:
            yield ReportLine(name, "embedded, generated when needed")
            continue
        root = data_root(name, {})
        if root is None:
            absent.append(name)
        elif not root.exists():
            yield failed(name, f"{root} does not exist", f"expected there:\n{card.layout}")
        else:
            yield ReportLine(name, str(root))
    if absent:
        use = "Say data.root=DIR, or set TTA_BENCH_DATA to a folder that has a folder of that name."
        yield optional("no data root", ", ".join(absent), use)


def folders() -> Iterator[ReportLine]:
    """Yield the cache, the config file, the space where runs go, and the memory that loader processes share."""
    from tta_bench.utils.paths import cache_folder, user_config

    cache = cache_folder()
    if _writable(cache):
        yield ReportLine("cache", f"{cache}, {_size(cache) / 1e9:.1f} GB")
    else:
        yield failed("cache", f"{cache} cannot be written", "Set TTA_BENCH_CACHE to a folder that can be.")
    yield ReportLine("config", str(user_config()) + ("" if user_config().is_file() else " (not there; optional)"))
    yield ReportLine("disk", f"{shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB free here")
    if sys.platform == "linux" and SHARED.is_dir():
        free = shutil.disk_usage(SHARED).free
        remedy = "A container gets more by docker run --shm-size=8g; runtime.workers=0 needs none."
        found = f"{free / 1e9:.1f} GB free"
        yield ReportLine(str(SHARED), found) if free >= SHARED_BYTES else optional(str(SHARED), found, remedy)


def _writable(folder: Path) -> bool:
    """Return True if a folder, or the nearest folder above it that is there, can be written."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK)


def _size(folder: Path) -> int:
    """Return the bytes of the files in a folder and below; those that cannot be asked count nothing."""
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(above, name).lstat().st_size
            except OSError:
                continue
    return total
