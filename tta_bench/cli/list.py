"""``tta-bench list``: what there is."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import click

from tta_bench.cli.completion import complete_groups, complete_names
from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import load_plugins, plugin_option, work_dir_option


@click.command("list")
@click.argument("group", required=False, shell_complete=complete_groups)
@click.argument("pattern", required=False, shell_complete=complete_names)
@work_dir_option
@plugin_option
@json_option()
def command(group: str | None, pattern: str | None, work_dir: Path, plugins: tuple[Path, ...], as_json: bool) -> None:
    """List backbones, weights, datasets, protocols, suites or runs.

    \b
    tta-bench list backbones 'videomae*'       PATTERN is a shell pattern
    tta-bench list backbones 'timm/resnext*'   models of timm, over a thousand
    tta-bench list resnet                      whatever has resnet in its name

    All cards are listed if no group is named. The exit code is 1 where a pattern was given and nothing has such a name.
    """
    from tta_bench.cards.files import FOLDERS
    from tta_bench.errors import nearest, unknown

    load_plugins(plugins)
    groups = (*FOLDERS, "runs")
    if group is not None and group not in groups:
        if pattern is not None or nearest(group, groups):
            raise unknown("group", group, groups)
        pattern, group = (group if set("*?[") & set(group) else f"*{group}*"), None
    asked = pattern or "*"
    listed = {name: _rows(name, asked, work_dir) for name in ([group] if group else FOLDERS)}
    if as_json:
        echo_json(listed)
    for name, rows in {} if as_json else listed.items():
        if not rows and pattern is not None and group is None:
            continue
        click.secho(name, bold=True)
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            click.echo(f"  {row['name']:{width}}  {row['summary']}")
        if not rows:
            click.echo("  none" if pattern is None else f"  none like {pattern}")
    if pattern is not None and not any(listed.values()):
        click.echo(_elsewhere(group, asked), err=True)
        raise click.exceptions.Exit(1)


def _rows(group: str, pattern: str, work_dir: Path) -> list[dict[str, str]]:
    return _runs(work_dir, pattern) if group == "runs" else _cards(group, pattern)


def _cards(group: str, pattern: str) -> list[dict[str, str]]:
    from tta_bench.cards.names import summaries

    shown = {name.replace("/any", "/<any>"): summary for name, summary in summaries(group).items()}
    found = [{"name": name, "summary": text} for name, text in shown.items() if fnmatch.fnmatch(name, pattern)]
    if group == "backbones" and pattern.startswith("timm/"):
        from tta_bench.cards.families import timm_models

        found += [{"name": f"timm/{name}", "summary": "A model of timm"} for name in timm_models(pattern[5:])]
    return found


def _elsewhere(group: str | None, pattern: str) -> str:
    """Return a hint at other places for a name that no card has."""
    told = f"nothing is called {pattern}."
    if group == "runs":
        return f"{told} `tta-bench list runs` prints all."
    if group in (None, "backbones") and not pattern.startswith("timm/"):
        return f"{told} Models of timm: tta-bench list backbones 'timm/{pattern}'."
    return f"{told} `tta-bench list {group or ''}` prints all."


def _runs(work_dir: Path, pattern: str) -> list[dict[str, str]]:
    from tta_bench.records.progress import trainings
    from tta_bench.records.store import record_files

    files = [path for path in record_files(work_dir / "records") if fnmatch.fnmatch(path.stem, pattern)]
    steps = {name: str(progress) for name, progress in trainings(work_dir)}
    return [{"name": path.stem, "summary": _how_it_went(path, steps.get(path.stem, ""))} for path in files]


def _how_it_went(path: Path, progress: str) -> str:
    """Return a run's status and score, or how far its training is, or why its record cannot be read."""
    from tta_bench.errors import BenchError
    from tta_bench.metrics import METRICS
    from tta_bench.records.status import now, outcome
    from tta_bench.records.store import read_record
    from tta_bench.utils.printable import one_line

    try:
        record = read_record(path)
        metric = record.identity.protocol.score
        score = record.metrics.get(metric)
        if score is None:
            said = outcome(record, now())
            return one_line(f"{said}; {progress}" if progress else said)
        return one_line(f"{record.status}, {metric} {METRICS.describe(metric).text_with_unit(score.value)}")
    except BenchError as error:
        return one_line(error.message)
