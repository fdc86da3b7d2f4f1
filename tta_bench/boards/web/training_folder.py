"""Contents of a training's folder for a report: figures of its steps, how far it is, and its picture."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

from tta_bench.records.progress import PLAN, trainings
from tta_bench.records.schema import Record
from tta_bench.records.status import now, outcome
from tta_bench.records.store import file_stem

RESTORED = "restored.png"
"""Picture that a pre-training leaves: clips, their masks and what the network restored."""
_MOST_BYTES = 400_000
"""Largest picture that a report takes along."""


def folder_of(record: Record, work_dir: Path) -> tuple[Path | None, int]:
    """Return the folder of a record's training, and how many might be it; None unless that is a single one.

    A folder whose plan names the record is its own. A control has none, and takes that of the run whose model it tests.

    Args:
        record: The record.
        work_dir: Folder of the runs.
    """
    identity = record.identity
    name = f"{identity.protocol.name}-{identity.backbone.replace('/', '-')}"
    found = [
        path
        for path in sorted(work_dir.glob(f"{_literal(name)}*-seed{identity.seed}-????????"))
        if not identity.split.isdigit() or "-split" not in path.name or f"-split{identity.split}-" in path.name
    ]
    planned = [path for path in found if _planned(path) == file_stem(record)]
    candidates = planned or found
    return (candidates[0] if len(candidates) == 1 else None), len(candidates)


def _planned(folder: Path) -> str | None:
    """Return the name of the record that a training was begun for, where its plan is still there."""
    try:
        return str(json.loads((folder / PLAN).read_text(encoding="utf-8"))["record"])
    except (OSError, ValueError, TypeError, LookupError):
        return None


def log_of(record: Record, work_dir: Path) -> tuple[list[dict[str, float]], str]:
    """Return the figures of each step of a record's training, or the reason why there are none.

    Args:
        record: The record.
        work_dir: Folder of the runs.
    """
    from tta_bench.engine.metrics_log import read_metrics  # torch, which pages of boards need not load

    folder, count = folder_of(record, work_dir)
    if folder is None:
        return [], f"No curves: {count or 'no'} trainings of this name lie in the work folder."
    if not (folder / "metrics.jsonl").is_file():
        return [], "No curves: no steps were logged."
    return read_metrics(folder / "metrics.jsonl"), "No curves: the log of the training is empty."


def _literal(name: str) -> str:
    """Return a name in which no sign is a pattern's."""
    return "".join(f"[{mark}]" if mark in "*?[" else mark for mark in name)


def state_of(record: Record, work_dir: Path) -> str:
    """Return in words how a run ended, or how far it is if it has not.

    Args:
        record: The record.
        work_dir: Folder of the runs.
    """
    said = outcome(record, now())
    if record.status == "success":
        return said
    steps = next((str(progress) for name, progress in trainings(work_dir) if name == file_stem(record)), "")
    return f"{said}; {steps}" if steps else said


def restored(record: Record, work_dir: Path) -> Iterator[str]:
    """Yield the picture of a pre-training as an address that holds it, where there is one of a fair size.

    Args:
        record: The record.
        work_dir: Folder of the runs.
    """
    folder, _ = folder_of(record, work_dir)
    file = folder and folder / RESTORED
    if file and file.is_file() and file.stat().st_size <= _MOST_BYTES:
        yield "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
