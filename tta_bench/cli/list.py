"""``tta-bench list``: what there is."""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path

import click

from tta_bench.cli.options import load_plugins, plugin_option, work_dir_option


@click.command("list")
@click.argument("group", required=False)
@click.argument("pattern", required=False, default="*")
@work_dir_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(group: str | None, pattern: str, work_dir: Path, plugins: tuple[Path, ...], as_json: bool) -> None:
    """List backbones, weights, datasets, protocols or runs; all cards if none is named.

    PATTERN is a shell pattern: `tta-bench list backbones 'videomae*'`.
    """
    from tta_bench.cards.catalog import GROUPS
    from tta_bench.errors import unknown

    load_plugins(plugins)
    if group is not None and group not in (*GROUPS, "runs"):
        raise unknown("group", group, (*GROUPS, "runs"))
    if group == "runs":
        listed = {"runs": _runs(work_dir, pattern)}
    else:
        listed = {name: _cards(name, pattern) for name in ([group] if group else GROUPS)}
    if as_json:
        click.echo(json.dumps(listed, indent=2))
        return
    for name, rows in listed.items():
        click.secho(name, bold=True)
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            click.echo(f"  {row['name']:{width}}  {row['summary']}")
        if not rows:
            click.echo("  none" if pattern == "*" else f"  none like {pattern}")


def _cards(group: str, pattern: str) -> list[dict[str, str]]:
    from tta_bench.cards.catalog import summaries

    shown = {name.replace("/any", "/<any>"): summary for name, summary in summaries(group).items()}
    return [{"name": name, "summary": text} for name, text in shown.items() if fnmatch.fnmatch(name, pattern)]


def _runs(work_dir: Path, pattern: str) -> list[dict[str, str]]:
    from tta_bench.records.store import record_files

    files = [path for path in record_files(work_dir / "records") if fnmatch.fnmatch(path.stem, pattern)]
    return [{"name": path.stem, "summary": _how_it_went(path)} for path in files]


def _how_it_went(path: Path) -> str:
    """Return a run's status and score, or why its record cannot be read."""
    from tta_bench.errors import UserError
    from tta_bench.metrics import METRICS
    from tta_bench.records.status import now, outcome
    from tta_bench.records.store import read_record

    try:
        record = read_record(path)
    except UserError as error:
        return error.message
    metric = record.identity.protocol.score
    score = record.metrics.get(metric)
    if score is None:
        return outcome(record, now())
    return f"{record.status}, {metric} {METRICS.describe(metric).text_with_unit(score.value)}"
