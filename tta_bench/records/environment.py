"""Environment of a run: versions, commit, device."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tta_bench
from tta_bench.experiments.base import NUMERICS_VERSION
from tta_bench.records.schema import Environment, Plugin

PACKAGES = {
    **{"torch": "torch", "torchvision": "torchvision", "timm": "timm", "mmengine": "mmengine", "mmcv-lite": "mmcv"},
    **{"mmcv": "mmcv", "mmaction2": "mmaction", "opencv-python": "cv2", "av": "av", "numpy": "numpy"},
    **{"scipy": "scipy", "safetensors": "safetensors", "opensmile": "opensmile", "librosa": "librosa"},
}
"""Distributions that a number may depend on, and the module that each brings."""
OPTIONAL = {"mmcv", "opensmile", "librosa"}
"""Those of them that the suite does not require."""
_CODE = ("tta_bench", "registry")


def describe_environment(
    device: str, precision: str, plugins: Sequence[Plugin] = (), deterministic: bool = False
) -> Environment:
    """Return the environment of a run on a device.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``. Only for ``cuda`` is torch imported.
        precision: Arithmetic of the model.
        plugins: Plug-ins that take part.
        deterministic: A GPU's operations added in a fixed order.
    """
    commit, dirty = git_state(Path(tta_bench.__file__).parents[1])
    name, driver = _accelerator(device) if device.startswith("cuda") else (_processor(), None)
    return Environment(
        suite_version=tta_bench.__version__,
        commit=commit,
        dirty=dirty,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        packages={name: installed for name in PACKAGES if (installed := installed_version(name))},
        plugins=tuple(plugins),
        device=name,
        driver=driver,
        decoder=_decoder(),
        precision=precision,
        numerics=NUMERICS_VERSION,
        deterministic=deterministic,
    )


def git_state(checkout: Path) -> tuple[str | None, bool | None]:
    """Return the commit of a checkout and True if its code was changed since; two Nones if it is no checkout."""
    if not (checkout / ".git").exists():
        return None, None
    try:
        commit = _git(checkout, "rev-parse", "HEAD")
        return commit, bool(_git(checkout, "status", "--porcelain", "--", *_CODE))
    except (OSError, subprocess.SubprocessError):
        return None, None  # no git here, or no commit yet


def _git(checkout: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=checkout, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout.strip()


def installed_version(package: str) -> str | None:
    """Return the version of a distribution, or None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """Return the processor's model where Linux says it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _accelerator(device: str) -> tuple[str, str]:
    """Return the name of a CUDA device, and the versions of CUDA, cuDNN and the driver."""
    import torch

    module = Path("/proc/driver/nvidia/version")
    words = module.read_text().split() if module.exists() else []
    driver = next((word for word in words if word.count(".") >= 1 and word[0].isdigit()), "unknown")
    return (
        torch.cuda.get_device_name(device),
        f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, driver {driver}",  # type: ignore[no-untyped-call]
    )


def _decoder() -> str | None:
    """Return the video decoder's version, or None where PyAV is not installed."""
    pyav = installed_version("av")
    if pyav is None:
        return None
    from av import library_versions

    codec = ".".join(map(str, library_versions.get("libavcodec", ())))
    return f"PyAV {pyav}, libavcodec {codec}"
