"""Cells of a board's tables."""

from __future__ import annotations

from tta_bench.boards.board import NONE, Figure, Interval, Link, Links, Number, Rank, Text
from tta_bench.boards.ranking import RankedRow
from tta_bench.boards.rows import Entry, Row
from tta_bench.boards.sources import data_of, paper_of
from tta_bench.cards.kinds import Pretraining
from tta_bench.records.schema import Record


def rank(ranked: RankedRow) -> Rank:
    """Return a row's rank and the lowest that it may be."""
    return Rank(ranked.rank, ranked.lowest)


def model(record: Record) -> Text:
    """Return the name of a record's backbone, and the party that measured it if it is named."""
    name = record.identity.backbone
    return Text(f"{name} ({record.party})" if record.party else name)


def paper(record: Record) -> Links:
    """Return links to the papers of a record's backbone and weights, as their cards name them."""
    return Links(tuple(Link(words, address) for words, address in paper_of(record)))


def data_source(record: Record) -> Links:
    """Return links to the papers of a record's data, as their card names them."""
    return Links(tuple(Link(words, address) for words, address in data_of(record)))


def weights(record: Record) -> tuple[Text, Text, Text]:
    """Return the name of a record's weights, their pre-training data, and whether labels were used."""
    started_from = record.identity.weights
    if started_from is None:
        none = Text("none" if record.origin == "run" else NONE)
        return none, none, Text(None)
    if started_from.pretraining is None:
        return Text(started_from.name), Text("not known"), Text("not known")
    pretraining = started_from.pretraining
    return Text(started_from.name), Text(seen(pretraining)), Text(labels(pretraining.labels))


def seen(pretraining: Pretraining) -> str:
    """Return the pre-training data, and the numbers of clips and steps where they are known."""
    counts = ((pretraining.clips, "clips"), (pretraining.steps, "steps"))
    return ", ".join([pretraining.data, *(f"{count:,} {unit}" for count, unit in counts if count is not None)])


def labels(used: bool | None) -> str:
    """Return yes, no or not known, for labels in pre-training."""
    return {True: "yes", False: "no", None: "not known"}[used]


def interval(ranked: RankedRow, metric: str, old_ties: bool = False) -> Interval:
    """Return a row's interval with the marks of its footnotes.

    Args:
        ranked: The row.
        metric: The metric that ranks.
        old_ties: The row counts a tie as a miss, beside others that do not.
    """
    marks = {
        "†": ranked.rough,
        "‡": is_ungrouped(ranked.row, metric),
        "§": ranked.row.first.verifiable_with,
        "¶": old_ties,
    }
    return Interval(metric, ranked.low, ranked.high, tuple(mark for mark, holds in marks.items() if holds))


def is_ungrouped(row: Row, metric: str) -> bool:
    """Return True if single clips were resampled, since their groups are not known."""
    return any(entry.record.metrics[metric].resampled == "samples" for entry in row.entries)


def misses_ties(row: Row, metric: str) -> bool:
    """Return True if some run counts a tie as a miss, as records from before do."""
    return any(entry.record.metrics[metric].ties == "missed" for entry in row.entries)


def mean(row: Row, metric: str) -> Figure:
    """Return the mean of a metric over a row's runs, or nothing if not all have it."""
    return Figure(metric, row.mean(metric) if row.has(metric) else None)


def clips(row: Row) -> Number:
    """Return the test clips of a row, over its splits."""
    return count(sum(runs[0].record.n_scored for runs in row.splits.values()))


def clips_of(record: Record) -> Number:
    """Return the test clips of a record, and the official number where they are others."""
    split, official = record.identity.split, record.identity.dataset.official
    part = official and official.parts.get("test" if split.isdecimal() else split)
    expected = part.expected if part else None
    if expected in (None, record.n_scored):
        return count(record.n_scored)
    return Number(record.n_scored, f"{record.n_scored:,} of {expected:,}")


def count(number: int) -> Number:
    """Return a whole number."""
    return Number(number, f"{number:,}")


def verified(row: Row) -> Text:
    """Return the weakest word that says on what the figures of a row's runs rest."""
    return Text(row.word)


def splits(row: Row) -> Text:
    """Return the splits of a row, and those it lacks."""
    run_on = " ".join(row.splits)
    return Text(f"{run_on} (missing: {' '.join(row.missing)})" if row.missing else run_on)


def seeds(row: Row) -> Text:
    """Return the seeds of a row."""
    return Text(" ".join(str(seed) for seed in sorted({entry.record.identity.seed for entry in row.entries})))


def date(row: Row) -> Text:
    """Return the day on which the last run of a row ended."""
    return Text(max((entry.record.finished or "") for entry in row.entries)[:10] or None)


def versions(record: Record) -> tuple[Text, Text]:
    """Return the versions of protocol and numerics that a record was made by."""
    numerics = None if record.environment is None else record.environment.numerics
    return Text(str(record.identity.protocol.version)), Text(None if numerics is None else str(numerics))


def runs(row: Row) -> Links:
    """Return links to the records of a row."""
    return Links(tuple(run(entry) for entry in row.entries))


def run(entry: Entry) -> Link:
    """Return a link to a record: split and seed, and the control if it is one."""
    identity = entry.record.identity
    control = "" if identity.control == "none" else f" {identity.control}"
    return Link(f"{identity.split}/{identity.seed}{control}", entry.link)


def shown_input(record: Record) -> Text:
    """Return the extent of a view: frames, stride and size."""
    shown = record.input
    if shown is None:
        return Text(None)
    frames = f"{shown.frames} x {shown.stride}" if shown.stride else f"{shown.frames}"
    return Text(f"{frames} frames, {shown.size} px")


def cost(record: Record) -> tuple[Number, Text]:
    """Return parameters in millions, and multiply-adds of a video."""
    if record.cost is None:
        return Number(None), Text(None)
    parameters, gmacs = record.cost.parameters, record.cost.gmacs_per_view
    return (
        Number(parameters, f"{(parameters or 0) / 1e6:.2f}"),
        Text(f"{'?' if gmacs is None else f'{gmacs:.2f}'} x {record.cost.views}"),
    )


def speed(row: Row) -> tuple[Number, Text]:
    """Return test videos a second over all runs of a row, and the devices."""
    tests = [phase for entry in row.entries for phase in entry.record.phases if phase.name == "test"]
    seconds = sum(phase.seconds for phase in tests)
    devices = {entry.record.environment.device for entry in row.entries if entry.record.environment}
    rate = sum(phase.samples for phase in tests) / seconds if seconds else None
    return Number(rate, f"{rate or 0:.1f}"), Text(", ".join(sorted(devices)) or None)
