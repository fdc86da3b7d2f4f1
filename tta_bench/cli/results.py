"""What a run prints when it is done: its scores, and the board of one's own runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from tta_bench.records.schema import Metric, Record


def print_results(records: Sequence[Record], work_dir: Path, as_json: bool) -> None:
    """Print records as a table, or as one JSON document."""
    if as_json:
        click.echo(json.dumps([record.model_dump(mode="json") for record in records], indent=2))
        return
    from tabulate import tabulate

    names = list(dict.fromkeys(name for record in records for name in record.metrics))
    rows = [
        [record.identity.backbone, f"{record.identity.split} / {record.identity.seed}", record.identity.control]
        + [percent(record.metrics.get(name)) for name in names]
        for record in records
    ]
    score = records[0].identity.protocol.score
    if len(records) > 1:
        mean = sum(record.metrics[score].value for record in records) / len(records)
        rows.append(["mean", "", "", *(f"{mean:.2%}" if name == score else "" for name in names)])
    click.echo(tabulate(rows, headers=["backbone", "split / seed", "control", *names], tablefmt="github"))


def percent(metric: Metric | None) -> str:
    """Return a metric in percent with its interval, or nothing for none."""
    if metric is None:
        return ""
    interval = "" if metric.low is None or metric.high is None else f" [{metric.low:.2%}, {metric.high:.2%}]"
    return f"{metric.value:.2%}{interval}"
