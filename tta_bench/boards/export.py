"""The rows of all boards in other forms: for a spreadsheet, a program, or a paper."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from tabulate import tabulate

from tta_bench.boards.markdown import figure, heading
from tta_bench.boards.ranking import RankedRow, rank_rows
from tta_bench.boards.rows import Entry, Row, sort_into_sections
from tta_bench.cards.kinds import Tier


@dataclass(frozen=True)
class Exported:
    """One row of a board. Accuracies are fractions, as in records; what a kind of score lacks is empty."""

    protocol: str
    tier: str
    section: str
    """``measured``, ``controls`` or ``scored`` (from somebody's file)."""
    rank: int | None
    tied: bool
    """Others share the rank."""
    backbone: str
    weights: str | None
    pretraining: str | None
    labels: bool | None
    """Pre-training used labels."""
    track: str
    control: str
    metric: str
    """Name of the metric in ``score``."""
    score: float
    low: float | None
    high: float | None
    n_groups: int
    top5: float | None
    mean_class: float | None
    top1_unleaked: float | None
    """Over the clips whose source was not trained on, where others' was."""
    splits: str
    missing: str
    """Splits that were not run."""
    seeds: str
    records: str
    """Files, seen from the board."""


BoardEntries = Mapping[tuple[str, Tier], Sequence[Entry]]


def exported_rows(boards: BoardEntries) -> Iterator[Exported]:
    """Yield the rows of every protocol and tier in the order of their boards."""
    for (protocol, tier), entries in sorted(boards.items()):
        sections = sort_into_sections(entries)
        for name in ("measured", "controls", "scored"):
            for ranked in rank_rows(getattr(sections, name), sections.metric):
                yield _row(protocol, tier, name, ranked, sections.metric)


def as_csv(boards: BoardEntries) -> str:
    """Return all rows as CSV with a header line."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [field.name for field in fields(Exported)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in exported_rows(boards))
    return buffer.getvalue()


def as_json(boards: BoardEntries) -> str:
    """Return all rows as a JSON array."""
    return json.dumps([asdict(row) for row in exported_rows(boards)], indent=2) + "\n"


def as_latex(boards: BoardEntries) -> str:
    """Return a table of the measured rows of each board, for the LaTeX package booktabs."""
    tables: dict[str, list[Exported]] = {}
    for row in exported_rows(boards):
        if row.section == "measured":
            tables.setdefault(f"% {row.protocol}, {row.tier} tier", []).append(row)
    return "\n".join(f"{title}\n{_latex_table(rows)}\n" for title, rows in tables.items())


WRITERS = {"csv": as_csv, "json": as_json, "latex": as_latex}
"""Writers of all rows, by form."""


def _row(protocol: str, tier: Tier, section: str, ranked: RankedRow, metric: str) -> Exported:
    row, identity = ranked.row, ranked.row.first.identity
    pretraining = identity.weights.pretraining if identity.weights else None
    return Exported(
        protocol=protocol,
        tier=tier,
        section=section,
        rank=ranked.rank,
        tied=ranked.shared,
        backbone=identity.backbone,
        weights=identity.weights.name if identity.weights else None,
        pretraining=pretraining.data if pretraining else None,
        labels=pretraining.labels if pretraining else None,
        track=identity.track,
        control=identity.control,
        metric=metric,
        score=ranked.score,
        low=ranked.low,
        high=ranked.high,
        n_groups=ranked.n_groups,
        top5=_mean(row, "top5"),
        mean_class=_mean(row, "mean_class"),
        top1_unleaked=_mean(row, "top1_unleaked"),
        splits=" ".join(row.splits),
        missing=" ".join(row.missing),
        seeds=" ".join(sorted({str(entry.record.identity.seed) for entry in row.entries})),
        records=" ".join(entry.link for entry in row.entries),
    )


def _mean(row: Row, metric: str) -> float | None:
    return row.mean(metric) if row.has(metric) else None


def _latex_table(rows: Sequence[Exported]) -> str:
    metric = rows[0].metric
    headings = ["rank", "backbone", "pre-training", heading(metric), "95 % interval", "splits"]
    cells = [
        [
            "" if row.rank is None else f"{row.rank}{'=' if row.tied else ''}",
            row.backbone,
            row.pretraining or "none",
            figure(metric, row.score),
            "" if row.low is None else f"{figure(metric, row.low)} to {figure(metric, row.high)}",
            row.splits,
        ]
        for row in rows
    ]
    align = ("right", "left", "left", "right", "left", "left")
    return tabulate(cells, headers=headings, tablefmt="latex_booktabs", colalign=align, disable_numparse=True)
