"""Tables of a board's rows: scores, emotions, and the circumstances of each measurement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tta_bench.boards import cells
from tta_bench.boards.board import Cell, Column, Figure, Note, Number, Table, Text
from tta_bench.boards.contamination import NOTE, marked, related
from tta_bench.boards.copies import copies_in_words
from tta_bench.boards.optimism import EDGE, OPTIMISM, at_edge, has_selection, optimism
from tta_bench.boards.overlaps import overlaps_in_words
from tta_bench.boards.ranking import RankedRow
from tta_bench.boards.rows import Row
from tta_bench.boards.standing import note_of
from tta_bench.metrics import METRICS
from tta_bench.metrics.intervals import FEW_GROUPS
from tta_bench.metrics.proportions import FEW_MISSES
from tta_bench.records.schema import Record

RANK, BACKBONE = Column("rank", "rank", right=True, paper=True), Column("backbone", "backbone", paper=True)
INTERVAL = Column("interval", "95 % interval", paper=True)
_ROUGH = (
    f"† Fewer than {FEW_GROUPS} groups, or fewer than {FEW_MISSES} in which some clip is missed: they say little of "
    "how alike a group's clips are, so each group counts as a single clip and the interval is wide."
)
_UNGROUPED = (
    "‡ From resampling single clips, since subjects are not known: clips of one subject resemble each other, so the "
    "true interval is at least this wide."
)
_HIDDEN = (
    "§ The labels may not be published, so this row is verifiable with the data only: `tta-bench verify RECORD "
    "data.root=DIR`. It is compared with no other row."
)
_TIES = (
    "¶ A record from before: a tie of the true class with others counts as a miss. In the other rows a tie of k "
    "classes counts 1/k."
)
_EMOTIONS = (
    "Pearson's r of each emotion over the whole split; the score is their mean. Where a column has no spread r is "
    "undefined and counts 0."
)
_WORDS = {
    "arithmetic": "the figures follow from outcomes that whoever submitted the record wrote",
    "rescored": "they follow from full predictions, with labels compared with the official list",
    "retested": "somebody ran the test phase from the published checkpoint and got these predictions",
    "rerun": "somebody trained again, and the difference's interval holds 0",
}


def score_column(metric: str) -> Column:
    """Return the column of the metric that ranks."""
    return Column("score", METRICS.describe(metric).heading, right=True, paper=True)


def scores(rows: Sequence[RankedRow], metric: str, title: str = "") -> Table:
    """Return the table of scores; the score is its third column, so that it is seen on a telephone."""
    others = [other for other in METRICS if other.beside_score and other.name != metric]
    columns = (
        *(RANK, BACKBONE, score_column(metric), INTERVAL, Column("verified", "verified")),
        *(Column(other.name, other.heading, right=True, paper=True) for other in others),
        *(Column("clips", "clips", right=True, paper=True), Column("groups", "groups", right=True)),
        *([Column("optimism", "optimism", right=True)] if any(has_selection(ranked.row) for ranked in rows) else []),
        *(Column("weights", "weights"), Column("pretraining", "pre-training", paper=True), Column("labels", "labels")),
        *(Column("track", "track"), Column("splits", "splits", paper=True), Column("runs", "runs")),
    )
    mixed = _mixes_ties(rows, metric)
    return Table(columns, tuple(_scores(ranked, metric, columns, mixed) for ranked in rows), title)


def _mixes_ties(rows: Sequence[RankedRow], metric: str) -> bool:
    """Return True if some rows count a tie as a miss, and others do not."""
    return len({cells.misses_ties(ranked.row, metric) for ranked in rows}) > 1


def _scores(ranked: RankedRow, metric: str, columns: Sequence[Column], mixed: bool) -> tuple[Cell, ...]:
    row, record = ranked.row, ranked.row.first
    keys = [column.key for column in columns]
    others = [other.name for other in METRICS if other.beside_score and other.name != metric]
    name, pretraining, labels = cells.weights(record)
    old_ties = mixed and cells.misses_ties(row, metric)
    return (
        *(cells.rank(ranked), cells.model(record), Figure(metric, ranked.score)),
        cells.interval(ranked, metric, old_ties),
        *(cells.verified(row), *(cells.mean(row, name) for name in others)),
        *(cells.clips(row), cells.count(ranked.n_groups), *([optimism(row, metric)] if "optimism" in keys else [])),
        *(name, marked(pretraining, record), labels, Text(record.identity.track)),
        *(cells.splits(row), cells.runs(row)),
    )


def circumstances(rows: Sequence[RankedRow]) -> Table:
    """Return the table of versions, date, input, cost, and papers of model and data of the same rows."""
    columns = (
        *(RANK, BACKBONE, Column("version", "protocol"), Column("numerics", "numerics"), Column("date", "date")),
        *(Column("seeds", "seeds"), Column("precision", "precision"), Column("input", "input")),
        *(Column("parameters", "parameters, M", right=True), Column("gmacs", "GMACs x views", right=True)),
        *(Column("speed", "test clips/s", right=True), Column("device", "device"), Column("paper", "paper")),
        Column("data_source", "data"),
    )
    return Table(columns, tuple(_circumstances(ranked) for ranked in rows), "How it was measured", continues=True)


def _circumstances(ranked: RankedRow) -> tuple[Cell, ...]:
    row, record = ranked.row, ranked.row.first
    return (
        *(cells.rank(ranked), cells.model(record), *cells.versions(record), cells.date(row)),
        *(cells.seeds(row), Text(record.identity.precision), cells.shown_input(record), *cells.cost(record)),
        *(*cells.speed(row), cells.paper(record), cells.data_source(record)),
    )


def notes(rows: Sequence[RankedRow], metric: str) -> Iterator[Note]:
    """Yield the footnotes of the marks, words and columns in a table of scores."""
    words = {ranked.row.word for ranked in rows}
    said = "; ".join(f"{word}, {meaning}" for word, meaning in _WORDS.items() if word in words)
    remarks = {
        f"{ranked.row.first.identity.backbone}: {note}".replace("`", "'"): True
        for ranked in rows
        for entry in ranked.row.entries
        if (note := note_of(entry.record)) is not None
    }
    listed = {
        f"Verified: {said}.": bool(said),
        _ROUGH: any(ranked.rough for ranked in rows),
        _UNGROUPED: any(cells.is_ungrouped(ranked.row, metric) for ranked in rows),
        **{column.note: any(ranked.row.has(column.name) for ranked in rows) for column in METRICS if column.note},
        _TIES: _mixes_ties(rows, metric),
        _HIDDEN: any(ranked.row.first.verifiable_with for ranked in rows),
        **dict.fromkeys(copies_in_words([entry for ranked in rows for entry in ranked.row.entries]), True),
        **dict.fromkeys(overlaps_in_words([ranked.row for ranked in rows]), True),
        NOTE: any(related(ranked.row.first) == "yes" for ranked in rows),
        OPTIMISM: any(has_selection(ranked.row) for ranked in rows),
        EDGE: any(at_edge(ranked.row) for ranked in rows),
        **remarks,
    }
    yield from (Note(words) for words, used in listed.items() if used)


def emotions(rows: Sequence[RankedRow]) -> Iterator[Table | Note]:
    """Yield r emotion by emotion, for rows that are scored so."""
    scored_so = [ranked for ranked in rows if ranked.row.first.undefined is not None]
    names = sorted({name for ranked in scored_so for name in _names(ranked.row.first)})
    if not names:
        return
    columns = (RANK, BACKBONE, *(Column(f"r_{name}", name, right=True) for name in names))
    listed = tuple(
        (cells.rank(ranked), cells.model(ranked.row.first), *(_r(ranked.row, name) for name in names))
        for ranked in scored_so
    )
    yield Table(columns, listed, "Emotion by emotion", continues=len(scored_so) == len(rows))
    yield Note(_EMOTIONS)


def _r(row: Row, name: str) -> Number:
    """Return the mean r of an emotion, shown as undefined where no run has one."""
    value = row.mean_of_class(name)
    undefined = all(name in (entry.record.undefined or ()) for entry in row.entries)
    return Number(value, "undefined" if undefined else f"{value:z.4f}")


def _names(record: Record) -> list[str]:
    return [*record.per_class, *(record.undefined or ())]
