from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tta_bench.utils.paths import cache_folder, card_folders, data_folder, user_config

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the places of Linux")
VARIABLES = ("TTA_BENCH_CACHE", "TTA_BENCH_CONFIG", "TTA_BENCH_DATA", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, and no variable that says more."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@LINUX
def test_the_default_is_below_the_home_folder(home: Path) -> None:
    assert cache_folder() == home / ".cache/tta-bench"
    assert user_config() == home / ".config/tta-bench/config.yaml"
    assert data_folder() is None
    assert card_folders() == []


@LINUX
def test_the_folders_of_the_xdg_specification_are_followed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "caches"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "settings"))
    assert cache_folder() == home / "caches/tta-bench"
    assert user_config() == home / "settings/tta-bench/config.yaml"


def test_the_suites_own_variables_go_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "caches"))
    monkeypatch.setenv("TTA_BENCH_CACHE", "~/mine")
    monkeypatch.setenv("TTA_BENCH_CONFIG", "mine.yaml")
    monkeypatch.setenv("TTA_BENCH_DATA", "~/data")
    assert (cache_folder(), user_config(), data_folder()) == (home / "mine", Path("mine.yaml"), home / "data")


def test_several_folders_of_cards_are_separated_as_in_path(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTA_BENCH_REGISTRY", f"~/a{':' if sys.platform != 'win32' else ';'}b")
    assert card_folders() == [home / "a", Path("b")]
