"""The peers: packages that are installed, and checkouts in the folder that TTA_BENCH_PEERS names."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import warnings
from pathlib import Path
from types import ModuleType

OFFICIAL = "official VideoMAE"
MMACTION2 = "MMAction2"
HUGGING_FACE = "Hugging Face"


def absent() -> dict[str, str]:
    """Return which peers are not at hand, and what each would take."""
    needs = {OFFICIAL: "TTA_BENCH_PEERS/VideoMAE", MMACTION2: "mmaction2", HUGGING_FACE: "transformers, the extra hf"}
    found = {
        OFFICIAL: _checkout("VideoMAE").is_dir(),
        MMACTION2: importlib.util.find_spec("mmaction") is not None,
        HUGGING_FACE: importlib.util.find_spec("transformers") is not None,
    }
    return {name: what for name, what in needs.items() if not found[name]}


def say_absent(peers: tuple[str, ...]) -> None:
    """Print each of these peers that is not at hand."""
    for name, what in absent().items():
        if name in peers:
            print(f"  not measured  {name}: there is no {what}")


def official_module(name: str) -> ModuleType:
    """Import a module of the official VideoMAE checkout, which is older than the packages that it finds here."""
    gone = ModuleType("numpy.lib.function_base")  # imported there without need
    vars(gone)["disp"] = print
    sys.modules.setdefault(gone.__name__, gone)
    folder = str(_checkout("VideoMAE"))
    sys.path.insert(0, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    finally:
        sys.path.remove(folder)


def _checkout(name: str) -> Path:
    return Path(os.environ.get("TTA_BENCH_PEERS", "no-peers")) / name
