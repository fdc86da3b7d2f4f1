"""Values that the page of one record shows."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from typing import Any

from tta_bench.boards import escape
from tta_bench.boards.board import NONE
from tta_bench.boards.rows import Entry
from tta_bench.boards.web.confusion import (
    ClassFigure,
    class_figure,
    class_hits,
    confusion,
    emotion_figures,
    matrix_picture,
    mistakes,
)
from tta_bench.errors import UserError
from tta_bench.metrics import METRICS
from tta_bench.records.attest import attestation_file, read_attestations
from tta_bench.records.files import AnyOutcomes, read_predictions
from tta_bench.records.predictions import Outcomes, Predictions
from tta_bench.records.rates import gmacs_per_second, watt_hours
from tta_bench.records.reproduce import script
from tta_bench.records.schema import Phase, Record

_MEANINGS = {
    "arithmetic": "follows from outcomes that whoever submitted it wrote",
    "rescored": "follows from full predictions, with labels compared with the official list",
    "retested": "somebody ran the test phase from the published checkpoint and got these predictions",
    "rerun": "somebody trained again, and the difference's interval holds 0",
}


RunKey = tuple[str, str | None, str, str, int]
"""Backbone, weights, track, split and seed."""


def record_values(entry: Entry, file: Path, controls: Mapping[RunKey, Sequence[Entry]]) -> dict[str, Any]:
    """Return the values of a record's page.

    Args:
        entry: The record.
        file: Its file, beside which its predictions and attestations lie.
        controls: The controls of its board, by run.
    """
    record = entry.record
    predictions = _predictions(record, file.parent)
    matrix = None if predictions is None else confusion(predictions)
    score = record.identity.protocol.score
    mine = controls.get(run_key(record), ()) if record.identity.control == "none" else ()
    return {
        "record": record,
        "file": file.name,
        "title": title_of(record),
        "score": _figure(record, score),
        "heading": METRICS.describe(score).heading,
        "word": entry.word,
        "meaning": _MEANINGS.get(entry.word or "", "nothing was recomputed"),
        "aside": entry.aside or (entry.erratum.words if entry.erratum else None),
        "figures": list(_figures(record)),
        "classes": _class_rows(entry.outcomes, score),
        "matrix": "" if predictions is None or matrix is None else matrix_picture(matrix, predictions.classes),
        "mistakes": [] if predictions is None or matrix is None else mistakes(matrix, predictions.classes),
        "controls": [(other, _figure(other.record, score)) for other in mine],
        "phases": [_phase(record, phase) for phase in record.phases],
        "cost": dict(_cost(record)),
        "circumstances": _circumstances(record, file),
        "environment": _environment(record),
        "packages": record.environment.packages if record.environment else {},
        "script": script(record),
        "attestations": list(_attestations(file)),
        "grid": _grid(record, score),
    }


def title_of(record: Record) -> str:
    """Return the heading of a record's page."""
    identity = record.identity
    control = "" if identity.control == "none" else f", {identity.control} clips"
    return f"{identity.backbone} on {identity.protocol.name}, split {identity.split}, seed {identity.seed}{control}"


def controls_by_run(entries: Iterable[Entry]) -> dict[RunKey, list[Entry]]:
    """Return the successful controls of each run: its model on frozen, reversed or shuffled clips.

    Args:
        entries: The records of a board.
    """
    controls: dict[RunKey, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.record.identity.control != "none" and entry.record.status == "success":
            controls[run_key(entry.record)].append(entry)
    return controls


def run_key(record: Record) -> RunKey:
    """Return the part of a record's identity that it shares with its controls."""
    identity = record.identity
    weights = None if identity.weights is None else identity.weights.sha256
    return identity.backbone, weights, identity.track, identity.split, identity.seed


def _predictions(record: Record, folder: Path) -> Predictions | None:
    """Return the scores of a classifier's clips, if they lie beside the record."""
    if record.predictions is None or not (folder / record.predictions.name).is_file():
        return None
    try:
        found = read_predictions(folder / record.predictions.name)
    except UserError:
        return None  # `verify` names it
    return found if isinstance(found, Predictions) else None


def _figure(record: Record, name: str) -> str:
    return METRICS.describe(name).text(record.metrics[name].value) if name in record.metrics else NONE


def _figures(record: Record) -> Iterator[dict[str, str]]:
    """Yield name, value, interval and counts of each metric."""
    for name, metric in record.metrics.items():
        text = METRICS.describe(name).text
        ends = NONE if metric.low is None or metric.high is None else f"{text(metric.low)} to {text(metric.high)}"
        counts = f"{metric.n:,}", f"{metric.n_groups:,}"
        yield {
            **{"name": METRICS.describe(name).heading, "value": text(metric.value), "ends": ends},
            **dict(zip(("n", "groups"), counts, strict=True)),
        }


def _class_rows(outcomes: AnyOutcomes | None, score: str) -> str:
    """Return the rows of classes or emotions: name, figure, bar, interval and clips.

    They are written here, since a board of a thousand records has a hundred thousand of them.
    """
    if isinstance(outcomes, Outcomes):
        return "\n".join(map(_row_of_class, *class_hits(outcomes), repeat(score)))
    return "\n".join(_class_row(figure, score) for figure in (emotion_figures(outcomes) if outcomes else ()))


@lru_cache(maxsize=100_000)
def _row_of_class(name: str, right: float, n: int, groups: float, score: str) -> str:
    """Return the row of a class; of one with few clips many records have the same."""
    return _class_row(class_figure(name, right, n, groups), score)


def _class_row(figure: ClassFigure, score: str) -> str:
    """Return one row."""
    text = METRICS.describe(score).text
    low, high = figure.low, figure.high
    ends = NONE if low is None or high is None else f"{text(low)} to {text(high)}"
    least = -1.0 if score == "pearson" else 0.0
    value = _across("value", min(figure.value, 0.0), max(figure.value, 0.0), least)
    line = "" if low is None or high is None else _across("ends", low, high, least)
    return (
        f'<tr><th scope="row">{escape.html(figure.name)}</th><td class="right">{text(figure.value)}</td>'
        f'<td><span class="bar{" signed" if least else ""}">{value}{line}</span></td><td>{ends}</td>'
        f'<td class="right">{figure.n:,}</td></tr>'
    )


def _across(kind: str, low: float, high: float, least: float) -> str:
    """Return a part of a bar from one figure to another, on an axis from the least figure to 1."""
    left, right = ((max(end, least) - least) / (1 - least) for end in (low, high))
    return f'<span class="{kind}" style="left:{100 * left:.1f}%;width:{100 * (right - left):.1f}%"></span>'


def _phase(record: Record, phase: Phase) -> dict[str, str]:
    gmacs = gmacs_per_second(record, phase)
    memory = NONE if phase.peak_memory_bytes is None else f"{phase.peak_memory_bytes / 1e9:.2f} GB"
    return {
        "name": phase.name,
        "seconds": f"{phase.seconds:,.1f}",
        "rate": f"{phase.throughput:,.1f}",
        "gmacs": NONE if gmacs is None else f"{gmacs:,.0f}",
        "waiting": f"{100 * phase.waiting:.0f} %",
        "memory": memory,
    }


def _cost(record: Record) -> Iterator[tuple[str, str]]:
    if record.cost is not None and record.cost.parameters:
        yield "Parameters", f"{record.cost.parameters / 1e6:,.2f} M"
    if record.cost is not None and record.cost.gmacs_per_view:
        gmacs, views = record.cost.gmacs_per_view, record.cost.views
        said = f"{gmacs:,.2f}" if gmacs >= 0.1 else f"{gmacs:.2g}"
        yield "Multiply-adds of a video", f"{said} G x {views} {'view' if views == 1 else 'views'}"
    if record.input is not None:
        yield "Input", f"{record.input.frames} frames, {record.input.size} px"
    if record.phases:
        yield "Time", f"{sum(phase.seconds for phase in record.phases) / 3600:,.3f} hours"
    if (energy := watt_hours([record])) is not None:
        yield "Energy", f"{energy:,.3g} Wh"


def _circumstances(record: Record, file: Path) -> dict[str, str]:
    identity = record.identity
    return {
        "Data": identity.dataset.name,
        "Track": identity.track,
        "Weights": identity.weights.name if identity.weights else "none",
        "Protocol": f"{identity.protocol.name}, version {identity.protocol.version}",
        "Finished": record.finished or "not",
        "Typed": shlex.join(record.given),
        "Record": file.name,
    }


def _environment(record: Record) -> dict[str, str]:
    environment = record.environment
    if environment is None:
        return {}
    return {
        "Suite": environment.suite_version,
        "Commit": environment.commit or NONE,
        "Device": environment.device,
        "Decoder": environment.decoder or NONE,
        "Precision": environment.precision,
        "Python": f"{environment.python}, {environment.platform}",
    }


def _grid(record: Record, score: str) -> dict[str, Any] | None:
    """Return the grid that training settings were chosen from."""
    chosen = record.selection
    if chosen is None:
        return None
    text = METRICS.describe(score).text
    points = [
        {
            "settings": ", ".join(f"{name} {value:g}" for name, value in point.settings.items()),
            "held_out": NONE if point.held_out is None else text(point.held_out),
            "chosen": index == chosen.chosen,
        }
        for index, point in enumerate(chosen.points)
    ]
    return {"points": points, "optimism": METRICS.describe(score).signed_text(chosen.optimism)}


def _attestations(file: Path) -> Iterator[str]:
    """Yield the signed statements about a record; its word says if the signatures hold."""
    path = attestation_file(file)
    try:
        found = read_attestations(path).attestations if path.is_file() else ()
    except UserError:
        return  # `verify` names it
    for attestation in found:
        statement = attestation.statement
        yield f"{statement.word} on {statement.date[:10]} with tta-bench {statement.suite_version}"
