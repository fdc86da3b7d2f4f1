"""Cells of a board's tables."""

from __future__ import annotations

from tta_bench.boards.markdown import NONE, Links, figure, text
from tta_bench.boards.ranking import RankedRow
from tta_bench.boards.rows import Entry, Row
from tta_bench.cards.kinds import Pretraining
from tta_bench.metrics.intervals import FEW_GROUPS
from tta_bench.records.schema import Record


def rank(ranked: RankedRow) -> str:
    """Return a row's rank, marked where others share it."""
    if ranked.rank is None:
        return NONE
    return f"{ranked.rank}=" if ranked.shared else f"{ranked.rank}"


def weights(record: Record) -> tuple[str, str, str]:
    """Return the name of a record's weights, their pre-training data, and whether labels were used."""
    weights = record.identity.weights
    if weights is None:
        return ("none", "none", NONE) if record.origin == "run" else (NONE, NONE, NONE)
    if weights.pretraining is None:
        return weights.name, "not known", "not known"
    return weights.name, text(seen(weights.pretraining)), labels(weights.pretraining.labels)


def seen(pretraining: Pretraining) -> str:
    """Return the pre-training data, and the numbers of clips and steps where they are known."""
    counts = ((pretraining.clips, "clips"), (pretraining.steps, "steps"))
    return ", ".join([pretraining.data, *(f"{count:,} {unit}" for count, unit in counts if count is not None)])


def labels(used: bool | None) -> str:
    """Return yes, no or not known, for labels in pre-training."""
    return {True: "yes", False: "no", None: "not known"}[used]


def interval(ranked: RankedRow, metric: str) -> str:
    """Return the ends of a row's interval, with the marks of its footnotes."""
    if ranked.low is None or ranked.high is None:
        return NONE
    marks = {"†": is_rough(ranked), "‡": is_ungrouped(ranked.row, metric), "§": ranked.row.first.verifiable_with}
    shown = "".join(f" {mark}" for mark, used in marks.items() if used)
    return f"{figure(metric, ranked.low)} to {figure(metric, ranked.high)}{shown}"


def is_rough(ranked: RankedRow) -> bool:
    """Return True if an interval rests on few groups."""
    return ranked.low is not None and ranked.n_groups < FEW_GROUPS


def is_ungrouped(row: Row, metric: str) -> bool:
    """Return True if single clips were resampled, since their groups are not known."""
    return any(entry.record.metrics[metric].resampled == "samples" for entry in row.entries)


def mean(row: Row, metric: str) -> str:
    """Return the mean of a metric over a row's runs."""
    return figure(metric, row.mean(metric)) if row.has(metric) else NONE


def model(record: Record) -> str:
    """Return the name of a record's backbone, and the party that measured it if it is named."""
    return f"{record.identity.backbone} ({text(record.party)})" if record.party else record.identity.backbone


def splits(row: Row) -> str:
    """Return the splits of a row, and those it lacks."""
    run = " ".join(row.splits)
    return f"{run} (missing: {' '.join(row.missing)})" if row.missing else run


def runs(row: Row, links: Links) -> str:
    """Return links to the records of a row."""
    return " ".join(run(entry, links) for entry in row.entries)


def run(entry: Entry, links: Links) -> str:
    """Return a link to a record."""
    return links.to(entry.link, f"{entry.record.identity.split}/{entry.record.identity.seed}")


def shown_input(record: Record) -> str:
    """Return the extent of a view: frames, stride and size."""
    shown = record.input
    if shown is None:
        return NONE
    frames = f"{shown.frames} x {shown.stride}" if shown.stride else f"{shown.frames}"
    return f"{frames} frames, {shown.size} px"


def cost(record: Record) -> tuple[str, str]:
    """Return parameters in millions, and multiply-adds of a video."""
    if record.cost is None:
        return NONE, NONE
    parameters, gmacs = record.cost.parameters, record.cost.gmacs_per_view
    return (
        NONE if parameters is None else f"{parameters / 1e6:.2f}",
        f"{'?' if gmacs is None else f'{gmacs:.2f}'} x {record.cost.views}",
    )


def speed(row: Row) -> tuple[str, str]:
    """Return test videos a second over all runs of a row, and the devices."""
    tests = [phase for entry in row.entries for phase in entry.record.phases if phase.name == "test"]
    seconds = sum(phase.seconds for phase in tests)
    devices = {entry.record.environment.device for entry in row.entries if entry.record.environment}
    return (
        f"{sum(phase.samples for phase in tests) / seconds:.1f}" if seconds else NONE,
        text(", ".join(sorted(devices)) or NONE),
    )
