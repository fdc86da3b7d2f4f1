"""Folders and files on a machine: environment variables of the suite go first, then the platform's own places."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_config_path

APP = "tta-bench"
"""Name of the suite's folder inside the platform's own; on Linux these are the ones of the XDG specification."""


def user_config() -> Path:
    """Return the path of the user's config file: ``TTA_BENCH_CONFIG``, else ``~/.config/tta-bench/config.yaml``.

    ``XDG_CONFIG_HOME`` takes the place of ``~/.config``.
    """
    return _named("TTA_BENCH_CONFIG") or user_config_path(APP, appauthor=False) / "config.yaml"


def cache_folder() -> Path:
    """Return the folder of files that can be made again: ``TTA_BENCH_CACHE``, else ``~/.cache/tta-bench``.

    ``XDG_CACHE_HOME`` takes the place of ``~/.cache``.
    """
    return _named("TTA_BENCH_CACHE") or user_cache_path(APP, appauthor=False)


def data_folder() -> Path | None:
    """Return the folder that holds a folder for each dataset, ``TTA_BENCH_DATA``, where it is set."""
    return _named("TTA_BENCH_DATA")


def card_folders() -> list[Path]:
    """Return the user's folders of cards in ``TTA_BENCH_REGISTRY``, separated as in ``PATH``."""
    names = os.environ.get("TTA_BENCH_REGISTRY", "").split(os.pathsep)
    return [Path(name).expanduser() for name in names if name]


def _named(variable: str) -> Path | None:
    """Return the path in an environment variable; None where it is unset or empty."""
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None
