"""Results of a run: its scores printed, and the boards of one's own runs beside the official rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_bench.cli.documents import echo_json
from tta_bench.records.schema import Metric, Record

if TYPE_CHECKING:
    from tta_bench.boards.board import Board
    from tta_bench.protocols.base.protocol_run import Findings


def print_results(records: Sequence[Record], work_dir: Path, as_json: bool) -> None:
    """Write the boards of one's own runs; print records as a table with their rows of a board, or all as JSON."""
    from tta_bench.boards.escape import plain
    from tta_bench.boards.neighbours import rows_of
    from tta_bench.records.store import file_stem

    boards = own_boards(work_dir)
    if as_json:
        echo_json([record.model_dump(mode="json") for record in records])
        print_differences(records, aside=True)
        print_expected(records, aside=True)
        return
    from tabulate import tabulate

    score = records[0].identity.protocol.score
    names = list(dict.fromkeys([score, *sorted(name for record in records for name in record.metrics)]))
    rows = [
        [record.identity.backbone, f"{record.identity.split} / {record.identity.seed}", record.identity.control]
        + [shown(name, record.metrics.get(name)) for name in names]
        for record in records
    ]
    if len(records) > 1 and len({record.identity.backbone for record in records}) == 1:
        rows.append(["mean", runs_of(records), records[0].identity.control, *(mean(records, name) for name in names)])
    click.echo(tabulate(rows, headers=["backbone", "split / seed", "control", *map(plain, names)], tablefmt="github"))
    for record in records:
        if record.undefined:
            click.echo(
                "Pearson r undefined (constant predictions or labels); counted as 0: "
                + plain(", ".join(record.undefined)),
                err=True,
            )
    from tta_bench.cli.chance import chance_lines

    for line in dict.fromkeys(line for record in records for line in chance_lines(record, work_dir / "records")):
        click.echo(line)
    own = {file_stem(record) for record in records}
    for board in boards:
        if shown_rows := rows_of(board, own):
            click.echo(f"\n{shown_rows}\n\nThis board is {work_dir / 'leaderboards' / board.path}.")
    print_differences(records)
    print_expected(records)


def print_differences(records: Sequence[Record], *, aside: bool = False) -> None:
    """Print, as the last lines, what share of a backbone was trained, and which records are not standard, and why.

    Args:
        records: The records.
        aside: True prints to stderr, where stdout holds a JSON document.
    """
    for text in dict.fromkeys(filter(None, map(trained_share, records))):
        click.echo(text, err=aside)
    for differs in dict.fromkeys(record.identity.dataset.differs for record in records):
        if differs is not None:
            click.echo(f"not standard: {differs}.", err=aside)


def print_expected(records: Sequence[Record], *, aside: bool = False) -> None:
    """Print, as the last lines, whether tests of released weights gave the figures that are published of them.

    Args:
        records: The records.
        aside: True prints to stderr, where stdout holds a JSON document.
    """
    from tta_bench.records.expected import compared

    for record in records:
        if text := compared(record):
            click.echo(text, err=aside)


def trained_share(record: Record) -> str:
    """Return the share of the parameters that were trained, in words; empty where all were, or nobody knows."""
    cost = record.cost
    if cost is None or cost.trained is None or not cost.parameters:
        return ""
    return (
        f"{record.identity.backbone}: {cost.trained:,} of {cost.parameters:,} parameters "
        f"({cost.trained / cost.parameters:.1%}) were trained; the others stayed as they started."
    )


def print_findings(findings: Sequence[Findings], work_dir: Path, as_json: bool) -> None:
    """Write the boards of one's own runs, and print the findings of each protocol over all its runs, or all as JSON."""
    own_boards(work_dir)
    if as_json:
        echo_json([finding.figures for finding in findings])
        return
    for finding in findings:
        click.echo(finding.page)


def runs_of(records: Sequence[Record]) -> str:
    """Return the splits and seeds of several records: ``1, 2, 3 / 0``."""
    splits, seeds = ([str(getattr(record.identity, field)) for record in records] for field in ("split", "seed"))
    return f"{', '.join(dict.fromkeys(splits))} / {', '.join(dict.fromkeys(seeds))}"


def mean(records: Sequence[Record], name: str) -> str:
    """Return the mean of a metric, or nothing where a record lacks it."""
    values = [record.metrics[name].value for record in records if name in record.metrics]
    return digits(name, sum(values) / len(values)) if len(values) == len(records) else ""


def own_boards(work_dir: Path) -> list[Board]:
    """Write the boards of one's own runs beside the official rows, and return them."""
    from tta_bench.boards.escape import plain
    from tta_bench.boards.write import official_folder, write_boards

    official = official_folder()
    boards, problems = write_boards([official / "records", work_dir / "records"], work_dir / "leaderboards", official)
    for problem in problems:
        click.echo(f"left off the board: {plain(problem)}", err=True)
    return boards


def shown(name: str, metric: Metric | None) -> str:
    """Return a metric with its interval, or nothing for none."""
    if metric is None:
        return ""
    if metric.low is None or metric.high is None:
        return digits(name, metric.value)
    return f"{digits(name, metric.value)} [{digits(name, metric.low)}, {digits(name, metric.high)}]"


def digits(name: str, value: float) -> str:
    """Return a metric's value: in percent, or with 4 decimals."""
    from tta_bench.metrics import METRICS

    return METRICS.describe(name).text_with_unit(value)
