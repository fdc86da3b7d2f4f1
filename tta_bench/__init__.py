"""tta-bench: a benchmark of video backbones on human action and human reaction, under one protocol for all.

In Python: ``run`` runs a protocol, ``load_records`` reads what it left, ``compare``, ``verify``, ``report`` and
``leaderboard`` do as the commands of these names, ``scores`` gives those of each clip, ``register_backbone`` makes a
function a backbone, and BACKBONES, DATASETS and PROTOCOLS are the MMEngine registries. Each is imported when it is
first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tta_bench.api import load_records, run
    from tta_bench.registry import BACKBONES, DATASETS, PROTOCOLS, register_backbone
    from tta_bench.results import compare, leaderboard, report, scores, verify

__version__ = "0.1.0"
__all__ = [
    "BACKBONES",
    "DATASETS",
    "PROTOCOLS",
    "compare",
    "leaderboard",
    "load_records",
    "register_backbone",
    "report",
    "run",
    "scores",
    "verify",
]

_HOME = {
    "BACKBONES": "tta_bench.registry",
    "DATASETS": "tta_bench.registry",
    "PROTOCOLS": "tta_bench.registry",
    "compare": "tta_bench.results",
    "leaderboard": "tta_bench.results",
    "load_records": "tta_bench.api",
    "register_backbone": "tta_bench.registry",
    "report": "tta_bench.results",
    "run": "tta_bench.api",
    "scores": "tta_bench.results",
    "verify": "tta_bench.results",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tta_bench' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """Return the public names, for completion in a notebook."""
    return [*__all__, "__version__"]
