"""Where this suite keeps things on a machine: the user's config file, and what can be made or fetched again."""

from __future__ import annotations

import os
from pathlib import Path


def user_config() -> Path:
    """Return the path of the user's config file: ``TTA_BENCH_CONFIG``, else ``~/.config/tta-bench/config.yaml``."""
    return Path(os.environ.get("TTA_BENCH_CONFIG", "~/.config/tta-bench/config.yaml")).expanduser()


def cache_folder() -> Path:
    """Return the folder for what can be made again: ``TTA_BENCH_CACHE``, else ``~/.cache/tta-bench``."""
    return Path(os.environ.get("TTA_BENCH_CACHE", "~/.cache/tta-bench")).expanduser()
