"""Sections of a board, made of its records and of figures that others reported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tta_bench.boards import cells
from tta_bench.boards.board import Board, Cell, Column, Figure, Links, Note, Number, Section, Source, Table, Text
from tta_bench.boards.own_data import BoardKey
from tta_bench.boards.published import Published, Reported
from tta_bench.boards.ranking import RankedRow, rank_rows
from tta_bench.boards.rows import REPLACED, Entry, Row, Sections, sort_into_sections
from tta_bench.boards.score_tables import (
    BACKBONE,
    INTERVAL,
    circumstances,
    emotions,
    notes,
    score_column,
    scores,
)
from tta_bench.metrics import METRICS

_SAMPLE = (
    "This is the embedded sample, a few generated clips: it shows that a set-up works and whether a model sees motion. "
    "It says nothing about the real data set."
)
_OWN = (
    "Data of one's own: every row was measured on the same clips and labels. Nobody else's figures stand here, and "
    "these stand on no other board."
)
_MEASURED = (
    "Score: mean over splits and seeds. Interval: 95 %, from resampling whole groups, the clips of one source, because "
    "they resemble each other; where a row has several seeds it holds the luck of training too. Rank: 1 + the number "
    "of rows that are significantly better, and to the lowest that it may be. All pairs are compared at once, so that "
    "of equally good rows, however many, any two are ranked apart on at most 5 % of boards. Runs are named split/seed "
    "and lead to their records."
)
_CONTROLS = (
    "The same protocol with test clips that are one frozen frame, run backwards, or have their frames shuffled. What "
    "is left of the score does not come from motion; a model that sees motion names the reversed class of a clip that "
    "runs backwards, where there is one."
)
_SCORED = "Not run by this suite: somebody handed in the scores of each clip."
_NOT_STANDARD = (
    "A locked key was changed, a part of the data was left out, or the data are not the protocol's, so these cannot be "
    "compared with the above."
)
_PARTS = {"val": "Validation", "test": "Test"}
"""Parts of a dataset whose figures cannot be compared with each other, and their headings."""
_LIST = "Other splits"
_SPLITS = {"validation": "val", "dev": "val", "devel": "val"}


def make_board(key: BoardKey, entries: Sequence[Entry], published: Published | None = None) -> Board:
    """Return a board.

    Args:
        key: Its place among the boards.
        entries: Its records, in any order.
        published: Figures reported by others, or None.
    """
    sections = sort_into_sections(entries)
    intro = ([_OWN] if key.own else []) + ([_SAMPLE] if key.tier == "sample" and not key.own else [])
    parts = [Section("measured", "Measured", tuple(_measured(sections)))]
    if sections.controls:
        parts.append(Section("controls", "Controls", (Note(_CONTROLS), _controls(sections))))
    if sections.scored:
        parts.append(Section("scored", "Scored from files", (Note(_SCORED), *_scored(sections))))
    if sections.not_standard:
        table = _not_standard(sections.not_standard, sections.metric)
        parts.append(Section("not_standard", "Not standard", (Note(_NOT_STANDARD), table)))
    if sections.left_out:
        parts.append(Section("left_out", "Without a row", tuple(_left_out(sections.left_out))))
    if published:
        note = Note(published.note.replace("`", "'"))
        parts.append(Section("reported", "Reported by others", (note, *_reported(published))))
    return Board(
        key.protocol, key.tier, key.title, key.path, key.name, tuple(Note(words) for words in intro), tuple(parts)
    )


def _measured(sections: Sections) -> Iterator[Table | Note]:
    if not sections.measured:
        yield Note("Nothing yet.")
    for title, rows in _by_part(sections.measured, sections.metric):
        yield scores(rows, sections.metric, title)
        yield Note(_MEASURED)
        yield from notes(rows, sections.metric)
        yield from emotions(rows)
        yield circumstances(rows)


def _scored(sections: Sections) -> Iterator[Table | Note]:
    for title, rows in _by_part(sections.scored, sections.metric):
        yield scores(rows, sections.metric, title)
        yield from notes(rows, sections.metric)
        yield from emotions(rows)


def _by_part(rows: Sequence[Row], metric: str) -> Iterator[tuple[str, list[RankedRow]]]:
    """Yield the ranked rows, those of validation and test data apart, with a heading where there are both."""
    parts: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        (*_, part) = row.splits
        parts[part if part in _PARTS else ""].append(row)
    for part in sorted(parts, key=["val", "test", ""].index):
        yield _PARTS.get(part, _LIST) if len(parts) > 1 else "", rank_rows(parts[part], metric)


def _controls(sections: Sections) -> Table:
    metric, others = sections.metric, [other for other in METRICS if other.of_controls]
    ordered = sorted(
        rank_rows(sections.controls, metric), key=lambda ranked: (ranked.row.first.identity.control, -ranked.score)
    )
    columns = (
        *(Column("control", "test clips", paper=True), BACKBONE, score_column(metric), INTERVAL),
        *(Column(other.name, other.heading, right=True, paper=True) for other in others),
        *(Column("weights", "weights"), Column("runs", "runs")),
    )
    return Table(
        columns,
        tuple(
            (
                *(Text(ranked.row.first.identity.control), cells.model(ranked.row.first)),
                *(Figure(metric, ranked.score), cells.interval(ranked, metric)),
                *(cells.mean(ranked.row, other.name) for other in others),
                *(cells.weights(ranked.row.first)[0], cells.runs(ranked.row)),
            )
            for ranked in ordered
        ),
    )


def _not_standard(entries: Sequence[Entry], metric: str) -> Table:
    columns = (
        *(Column("split", "split", paper=True), BACKBONE, score_column(metric)),
        *(Column("clips", "clips", right=True, paper=True), Column("differs", "what differs", paper=True)),
        *(Column("given", "given"), Column("runs", "run")),
    )
    return Table(
        columns,
        tuple(
            (
                *(Text(entry.record.identity.split), cells.model(entry.record)),
                *(Figure(metric, entry.record.metrics[metric].value), cells.clips_of(entry.record)),
                *(Text(entry.aside), Text(" ".join(entry.record.given)), Links((cells.run(entry),))),
            )
            for entry in entries
        ),
    )


def _left_out(left_out: Sequence[tuple[Entry, str]]) -> Iterator[Table]:
    """Yield a row for each backbone and reason; runs that newer ones replaced are folded away."""
    runs: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry, reason in left_out:
        runs[entry.record.identity.backbone, reason].append(entry)
    columns = (BACKBONE, Column("runs", "runs"), Column("reason", "reason", paper=True))
    for replaced in (False, True):
        groups = [(name, reason) for name, reason in runs if (reason == REPLACED) == replaced]
        rows = tuple(
            (Text(name), Links(tuple(cells.run(entry) for entry in runs[name, reason])), Text(reason))
            for name, reason in groups
        )
        if rows:
            total = sum(len(runs[group]) for group in groups)
            yield Table(columns, rows, folded=f"{REPLACED} ({total})" if replaced else "")


def _reported(published: Published) -> Iterator[Table]:
    """Yield the reported figures, those on validation and test data in tables of their own."""
    parts: dict[str, list[Reported]] = defaultdict(list)
    for row in published.rows:
        split = row.split.strip().lower()
        part = _SPLITS.get(split, split)
        parts[part if part in _PARTS else ""].append(row)
    for part in sorted(parts, key=["val", "test", ""].index):
        title = (_PARTS | {"": _LIST})[part] if len(parts) > 1 else ""
        yield Table(_reported_columns(published), tuple(_reported_cells(row) for row in parts[part]), title)


def _reported_columns(published: Published) -> tuple[Column, ...]:
    return (
        *(Column("year", "year", paper=True), Column("method", "method", paper=True)),
        *(Column("value", published.figure, right=True, paper=True), Column("split", "split", paper=True)),
        *(Column("backbone", "backbone"), Column("modality", "modality"), Column("pretraining", "pre-training")),
        *(Column("labels", "labels"), Column("differs", "what differs"), Column("source", "source")),
    )


def _reported_cells(row: Reported) -> tuple[Cell, ...]:
    return (
        *(Number(row.year, str(row.year)), Text(row.method), Number(float(row.value), row.value), Text(row.split)),
        *(Text(row.backbone), Text(row.modality), Text(row.pretraining)),
        *(Text(cells.labels(row.labels) if row.pretraining else None), Text(row.differs)),
        Source(row.source, row.link),
    )
