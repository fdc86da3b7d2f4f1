"""What every test gets: an own cache, no configured data, no network, and an environment that must not leak."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tta_bench.api import forget_plugins
from tta_bench.cards import files

REPOSITORY = Path(__file__).parents[1]

if settings.get_current_profile_name() != "ci":  # a busy machine fails no test; hypothesis sees to this in CI itself
    settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    """Hide a GPU, since tests hold a CPU's figures and fork, but from those that ``-m gpu`` chooses."""
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole session, so that the embedded sample is made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def clean_environment(cache: Path, tmp_path: Path) -> Iterator[None]:
    """Point the suite at the test's folders, and fail a test that leaves the environment changed."""
    before = dict(os.environ)
    for name in ("TTA_BENCH_DATA", "TTA_BENCH_REGISTRY", "TTA_BENCH_OFFLINE"):
        os.environ.pop(name, None)
    os.environ |= {"TTA_BENCH_CACHE": str(cache), "TTA_BENCH_CONFIG": str(tmp_path / "no-config.yaml")}
    during = dict(os.environ)
    yield
    # Libraries set these for themselves when they are first imported or used.
    theirs = {
        "PYTEST_CURRENT_TEST",
        "TORCHINDUCTOR_CACHE_DIR",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "KMP_INIT_AT_FORK",
        "KMP_DUPLICATE_LIB_OK",
        "GOMP_SPINCOUNT",  # the command line's own
    }
    theirs |= {"QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR", "LD_LIBRARY_PATH"}  # OpenCV's
    theirs |= {"TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"}
    leaked = {k for k in during.keys() | os.environ.keys() if during.get(k) != os.environ.get(k)} - theirs
    os.environ.clear()
    os.environ.update(before)
    assert not leaked, f"the test changed {leaked}"


@pytest.fixture(autouse=True)
def only_shipped_plugins() -> Iterator[None]:
    """Forget, after a test, the cards, components and kinds of experiments that it added."""
    yield
    forget_plugins()


@pytest.fixture(scope="session")
def uncompiled_librosa() -> None:
    """Import librosa without compiling a function that no test calls, which takes numba 20 s in a new environment."""
    import numba

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba, "guvectorize", lambda *_, **__: lambda function: function)
        import librosa

        assert librosa.feature.mfcc


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of one's own cards beside the shipped ones."""
    folder = tmp_path / "registry"
    (folder / "backbones").mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setenv("TTA_BENCH_REGISTRY", str(folder))
        files.forget_folders()
        yield folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves the machine."""

    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        # Workers talk to each other through Unix sockets; a server of a test's own is on the loopback.
        assert self.family == socket.AF_UNIX or address[0] == "127.0.0.1", f"a test tried to reach {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data (official lists, real clips), or a skip where it is not at hand."""
    folder = Path(os.environ.get("TTA_BENCH_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set TTA_BENCH_SHARED")
    return folder
