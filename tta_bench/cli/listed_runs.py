"""Runs of a work folder, as ``tta-bench list runs`` shows them: their states, and those that are asked for."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tta_bench.records.schema import Record

STATES = ("success", "running", "error", "killed", "cancelled", "unreadable")
"""States of a run; ``killed`` was silent for too long, ``unreadable`` has a record that cannot be read."""
FAILED = ("error", "killed", "unreadable")
"""States that ``failed`` stands for."""
FIELDS: Mapping[str, Callable[[Record], str]] = {
    "protocol": lambda record: record.identity.protocol.name,
    "backbone": lambda record: record.identity.backbone,
    "weights": lambda record: record.identity.weights.name if record.identity.weights else "none",
    "dataset": lambda record: record.identity.dataset.name,
    "tier": lambda record: record.identity.tier,
    "split": lambda record: record.identity.split,
    "seed": lambda record: str(record.identity.seed),
}
"""Fields by which runs are asked for besides ``state``."""
KEYS = ("state", *FIELDS)


def read_filters(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the shell patterns of each ``key=value`` word; commas part several, and one of them is enough.

    Raises:
        UserError: A key or a state is unknown, or a key is given twice.
    """
    from tta_bench.errors import UserError, unknown

    filters: dict[str, tuple[str, ...]] = {}
    for word in words:
        key, _, value = word.partition("=")
        if key not in KEYS:
            raise unknown("key of runs", key, KEYS)
        if key in filters:
            raise UserError(f"'{key}' is given twice.", f"Several are written with commas: {key}=A,B.")
        filters[key] = tuple(value.split(","))
    for state in filters.get("state", ()):
        if not fnmatch.filter((*STATES, "failed"), state):
            raise unknown("state", state, (*STATES, "failed"))
    return filters


def runs(work_dir: Path, pattern: str, filters: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Return name, state, protocol, backbone and summary of each run that is asked for, by name.

    Args:
        work_dir: Folder of the runs.
        pattern: Shell pattern of their names.
        filters: Patterns of `read_filters`: a run is listed if each of its fields is like one of them.
    """
    from tta_bench.records.progress import trainings
    from tta_bench.records.store import record_files

    files = [path for path in record_files(work_dir / "records") if fnmatch.fnmatchcase(path.stem, pattern)]
    steps = {name: str(progress) for name, progress in trainings(work_dir)}
    listed = ((path, *_read(path, steps.get(path.stem, ""))) for path in files)
    return [
        {"name": path.stem} | {key: fields[key] for key in ("state", "protocol", "backbone")} | {"summary": summary}
        for path, fields, summary in listed
        if all(_is_like(key, fields[key], patterns) for key, patterns in filters.items())
    ]


def _is_like(key: str, value: str, patterns: Sequence[str]) -> bool:
    asked = [*patterns, *(FAILED if key == "state" and "failed" in patterns else ())]
    return any(fnmatch.fnmatchcase(value, one) for one in asked)


def _read(path: Path, progress: str) -> tuple[dict[str, str], str]:
    """Return a run's fields, and its status and score, or how far its training is, or why it cannot be read."""
    from tta_bench.errors import BenchError
    from tta_bench.metrics import METRICS
    from tta_bench.records.status import now, outcome
    from tta_bench.records.store import read_record
    from tta_bench.utils.printable import one_line

    try:
        record = read_record(path)
        said = outcome(record, now())
        state = "running" if said.startswith("started") else record.status
        fields: dict[str, str] = {"state": "killed" if said.startswith("killed") else state}
        fields |= {key: field(record) for key, field in FIELDS.items()}
        metric = record.identity.protocol.score
        score = record.metrics.get(metric)
        if score is None:
            return fields, one_line(f"{said}; {progress}" if progress else said)
        return fields, one_line(f"{record.status}, {metric} {METRICS.describe(metric).text_with_unit(score.value)}")
    except BenchError as error:
        return {"state": "unreadable"} | dict.fromkeys(FIELDS, ""), one_line(error.message)
