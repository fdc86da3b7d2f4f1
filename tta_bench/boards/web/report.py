"""A report of runs: one page that holds everything it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tta_bench.boards.board import NONE
from tta_bench.boards.rows import Entry
from tta_bench.boards.web.build import HTML, pages
from tta_bench.boards.web.curves import curves
from tta_bench.boards.web.licences import licences
from tta_bench.boards.web.record_page import record_values, title_of
from tta_bench.boards.web.several_runs import forest_of_runs, pairs
from tta_bench.boards.web.studies import studies_of
from tta_bench.boards.web.tables import hours_of
from tta_bench.boards.web.training_folder import log_of, restored, state_of
from tta_bench.boards.web.worst_clips import WorstClip, worst_clips
from tta_bench.errors import UserError
from tta_bench.metrics import METRICS
from tta_bench.records.files import read_predictions
from tta_bench.records.schema import Metric, Record
from tta_bench.records.score import chance_level, holds_chance
from tta_bench.records.store import read_record
from tta_bench.records.verify import read_kept, standing_of
from tta_bench.utils.files import write_atomic

MOST_PAIRS = 12
"""Runs that are compared pair by pair; more would be a table that nobody reads."""
MOST_IN_PICTURE = 100
"""Runs whose scores are drawn beside each other."""
MOST_WHOLE = 100
"""Runs that have a part of their own; the rest stand in the table alone."""
MOST_OPEN = 6
"""Runs whose parts are shown at once; of more each part opens by a click."""
MOST_WITH_CLIPS = 5
"""Runs whose worst clips are shown with frames."""
ROOM = 1_500_000
"""Bytes for what is large of all runs (classes, matrices, pictures, frames): what comes later is left out."""
LARGE = ("classes", "matrix", "restored", "worst")
"""Values of a run that count against `ROOM`."""
_FAILED = "its figures do not follow from its files, or it is not what it says; tta-bench verify says why"

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
    runs = []
    for index, (record, file) in enumerate(zip(records, files, strict=True)):
        run = _overview(record, file)
        if index < MOST_WHOLE:
            run |= _whole(run, file, work_dir, clips if index < MOST_WITH_CLIPS else None)
        runs.append(run)
    _fit(runs)
    title = runs[0]["title"] if len(runs) == 1 else f"{len(runs)} runs"
    content = (
        pages()
        .get_template("report.html")
        .render(
            root="",
            title=title,
            runs=runs,
            most_pairs=MOST_PAIRS,
            most_whole=MOST_WHOLE,
            folded=len(runs) > MOST_OPEN,
            pairs=pairs(files) if 2 <= len(files) <= MOST_PAIRS else [],
            studies=studies_of([file.stem for file in files], work_dir),
            forest=forest_of_runs(records[:MOST_IN_PICTURE]),
            style=(HTML / "site.css").read_text(encoding="utf-8"),
            script_text=(HTML / "site.js").read_text(encoding="utf-8"),
        )
    )
    write_atomic(path, content.encode())


def _overview(record: Record, file: Path) -> dict[str, Any]:
    """Return the values of one run's row in the table of all."""
    kept = read_kept(record, file.parent)
    word = standing_of(record, file.parent, kept)
    entry = Entry(record, file.name, kept.outcomes, word=None if word == "FAILED" else word)
    name = record.identity.protocol.score
    metric, text = record.metrics.get(name), METRICS.describe(name).text
    hours = hours_of([entry])
    return {
        "entry": entry,
        "record": record,
        "title": title_of(record),
        "heading": METRICS.describe(name).heading,
        "score": NONE if metric is None else text(metric.value),
        "ends": _ends(metric, text),
        "word": word,
        "hours": NONE if hours is None else f"{hours:.2g}",
        "whole": False,
    }


def _whole(run: Mapping[str, Any], file: Path, work_dir: Path, clips: Clips | None) -> dict[str, Any]:
    """Return the values of one run's own part."""
    entry, record = run["entry"], run["record"]
    values = record_values(entry, file, {})
    logged, no_curves = log_of(record, work_dir)
    worst, no_clips = _worst(record, file, clips)
    return {
        **{name: value for name, value in values.items() if name != "word"},
        "meaning": _FAILED if run["word"] == "FAILED" else values["meaning"],
        "chance": _chance(entry),
        "state": state_of(record, work_dir),
        "curves": list(curves(logged)),
        "no_curves": no_curves,
        "restored": list(restored(record, work_dir)),
        "licences": list(licences(record)),
        "worst": worst,
        "no_clips": no_clips,
        "left_out": [],
        "whole": True,
    }


def _chance(entry: Entry) -> dict[str, Any] | None:
    """Return the score of a guess, and whether the run's interval holds it."""
    name = entry.record.identity.protocol.score
    metric, chance = entry.record.metrics.get(name), chance_level(name, entry.outcomes)
    if metric is None or chance is None:
        return None
    return {"words": METRICS.describe(name).text(chance), "held": holds_chance(metric, chance)}


def _fit(runs: Sequence[dict[str, Any]]) -> None:
    """Leave out of each run what is large and has no room any more, the first runs first."""
    spent = 0
    for name in LARGE:
        for run in runs:
            if not run["whole"] or not run[name]:
                continue
            parts = [picture for clip in run[name] for picture in clip.pictures] if name == "worst" else run[name]
            size = sum(map(len, parts))
            if spent + size > ROOM:
                run["left_out"].append(name)
                run[name] = type(run[name])()
            else:
                spent += size


def _ends(score: Metric | None, text: Callable[[float], str]) -> str:
    if score is None or score.low is None or score.high is None:
        return NONE
    return f"{text(score.low)} to {text(score.high)}"


def _worst(record: Record, file: Path, clips: Clips | None) -> tuple[list[WorstClip], str]:
    """Return the worst clips of a run, and the reason why there are none or why they have no frames."""
    if record.predictions is None or not (file.parent / record.predictions.name).is_file():
        return [], ""
    if clips is None:
        return [], f"Worst clips are shown of the first {MOST_WITH_CLIPS} runs."
    try:
        paths = clips(record)
        found = worst_clips(read_predictions(file.parent / record.predictions.name), paths)
    except UserError as error:
        return [], f"No clips: {error}"
    return found, "" if paths else "No frames: the data are not at hand. data.root=DIR says where they are."
