"""A report of runs: one page that holds everything it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tta_bench.boards.board import NONE
from tta_bench.boards.comparison import compare
from tta_bench.boards.rows import Entry
from tta_bench.boards.standing import word_of
from tta_bench.boards.web.build import HTML, pages
from tta_bench.boards.web.curves import curves
from tta_bench.boards.web.record_page import record_values, title_of
from tta_bench.boards.web.tables import hours_of
from tta_bench.boards.web.worst_clips import worst_clips
from tta_bench.errors import UserError
from tta_bench.metrics import METRICS
from tta_bench.records.files import read_predictions
from tta_bench.records.schema import Metric, Record
from tta_bench.records.store import read_record
from tta_bench.records.verify import read_kept
from tta_bench.utils.files import write_atomic

MOST_PAIRS = 12
"""Runs that are compared pair by pair; more would be a table that nobody reads."""
MOST_WITH_CLIPS = 5
"""Runs whose worst clips are shown with frames, so that the file stays small."""

Clips = Callable[[Record], Mapping[str, Path]]
"""Files of a record's test clips by id; none where the data are not at hand."""


def write_report(files: Sequence[Path], work_dir: Path, clips: Clips, path: Path) -> None:
    """Write the report of some records.

    Args:
        files: Their files.
        work_dir: Folder of the runs, with the logs of their trainings.
        clips: Finds a record's test clips.
        path: The page.

    Raises:
        UserError: A file is no record.
    """
    records = [read_record(file) for file in files]
    runs = [
        _run(record, file, work_dir, clips if index < MOST_WITH_CLIPS else None)
        for index, (record, file) in enumerate(zip(records, files, strict=True))
    ]
    title = runs[0]["title"] if len(runs) == 1 else f"{len(runs)} runs"
    content = (
        pages()
        .get_template("report.html")
        .render(
            root="",
            title=title,
            runs=runs,
            most_pairs=MOST_PAIRS,
            pairs=pairs(files) if 2 <= len(files) <= MOST_PAIRS else [],
            style=(HTML / "site.css").read_text(encoding="utf-8"),
            script_text=(HTML / "site.js").read_text(encoding="utf-8"),
        )
    )
    write_atomic(path, content.encode())


def _run(record: Record, file: Path, work_dir: Path, clips: Clips | None) -> dict[str, Any]:
    """Return the values of one run's part."""
    kept = read_kept(record, file.parent)
    entry = Entry(record, file.name, kept.outcomes, word=word_of(record, file.parent, kept))
    values = record_values(entry, file, {})
    score = record.metrics.get(record.identity.protocol.score)
    text = METRICS.describe(record.identity.protocol.score).text
    hours = hours_of([entry])
    logged, no_curves = log_of(record, work_dir)
    worst, no_clips = _worst(record, file, clips)
    return {
        **values,
        "title": title_of(record),
        "ends": _ends(score, text),
        "hours": NONE if hours is None else f"{hours:.2g}",
        "curves": list(curves(logged)),
        "no_curves": no_curves,
        "worst": worst,
        "no_clips": no_clips,
    }


def _ends(score: Metric | None, text: Callable[[float], str]) -> str:
    if score is None or score.low is None or score.high is None:
        return NONE
    return f"{text(score.low)} to {text(score.high)}"


def log_of(record: Record, work_dir: Path) -> tuple[list[dict[str, float]], str]:
    """Return the figures of each step of a record's training, or the reason why there are none.

    Args:
        record: The record.
        work_dir: Folder of the runs.
    """
    from tta_bench.engine.metrics_log import read_metrics  # torch, which pages of boards need not load

    identity = record.identity
    name = f"{identity.protocol.name}-{identity.backbone.replace('/', '-')}"
    found = [
        path
        for path in sorted(work_dir.glob(f"{_literal(name)}*-seed{identity.seed}-????????/metrics.jsonl"))
        if not identity.split.isdigit() or f"-split{identity.split}-" in path.parent.name
    ]
    if len(found) != 1:
        return [], f"No curves: {len(found) or 'no'} trainings of this name lie in the work folder."
    return read_metrics(found[0]), "No curves: the log of the training is empty."


def _literal(name: str) -> str:
    """Return a name in which no sign is a pattern's."""
    return "".join(f"[{mark}]" if mark in "*?[" else mark for mark in name)


def _worst(record: Record, file: Path, clips: Clips | None) -> tuple[list[Any], str]:
    if record.predictions is None or not (file.parent / record.predictions.name).is_file():
        return [], ""
    if clips is None:
        return [], f"Worst clips are shown of the first {MOST_WITH_CLIPS} runs."
    try:
        return worst_clips(read_predictions(file.parent / record.predictions.name), clips(record)), ""
    except UserError as error:
        return [], f"No clips: {error}"


def pairs(files: Sequence[Path]) -> list[list[dict[str, Any]]]:
    """Return for each pair of records the words of their difference, and whether its interval excludes 0.

    Args:
        files: The records' files.
    """
    return [[_pair(a, b) for b in files] for a in files]


def _pair(a: Path, b: Path) -> dict[str, Any]:
    if a == b:
        return {"words": "", "apart": False}
    try:
        found = compare(a, b)
    except UserError:
        return {"words": "other clips", "apart": False}
    text = METRICS.describe(found.metric).signed_text
    low, high = found.difference.low, found.difference.high
    words = f"{text(found.difference.value)} ({text(low)} to {text(high)})"
    return {"words": words, "apart": low > 0 or high < 0}
