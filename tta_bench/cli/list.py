"""``tta-bench list``: what there is."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path

import click

from tta_bench.cli.completion import complete_groups, complete_listed
from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import load_plugins, plugin_option, work_dir_option


@click.command("list")
@click.argument("group", required=False, shell_complete=complete_groups)
@click.argument("words", nargs=-1, metavar="[PATTERN] [KEY=VALUE...]", shell_complete=complete_listed)
@work_dir_option
@plugin_option
@json_option()
def command(
    group: str | None, words: tuple[str, ...], work_dir: Path, plugins: tuple[Path, ...], as_json: bool
) -> None:
    """List backbones, weights, datasets, protocols, suites or runs.

    \b
    tta-bench list backbones 'videomae*'       PATTERN is a shell pattern
    tta-bench list backbones 'timm/resnext*'   models of timm, over a thousand
    tta-bench list resnet                      whatever has resnet in its name
    tta-bench list runs state=failed           or running, success, killed, ...
    tta-bench list runs protocol=ucf101_ft 'backbone=videomae*,resnet50'

    All cards are listed if no group is named. The keys of runs are state, protocol, backbone, weights, dataset, tier,
    split and seed; a value is a shell pattern, or several with commas. The exit code is 1 where something was asked for
    and nothing is like it.
    """
    from tta_bench.cards.files import FOLDERS
    from tta_bench.cli.listed_runs import read_filters, runs
    from tta_bench.errors import UserError, nearest, unknown

    load_plugins(plugins)
    fields = [word for word in (group or "", *words) if "=" in word]
    if fields and group != "runs":
        raise UserError(f"only runs are listed by {fields[0]}.", f"Say `tta-bench list runs {fields[0]}`.")
    patterns = [word for word in words if "=" not in word]
    if len(patterns) > 1:
        raise UserError(f"{len(patterns)} patterns were given.", f"Say one: tta-bench list {group} '{patterns[0]}'.")
    pattern, filters = (patterns[0] if patterns else None), read_filters(fields)
    groups = (*FOLDERS, "runs")
    if group is not None and group not in groups:
        if pattern is not None or nearest(group, groups):
            raise unknown("group", group, groups)
        pattern, group = (group if set("*?[") & set(group) else f"*{group}*"), None
    asked = pattern or "*"
    listed = {
        name: runs(work_dir, asked, filters) if name == "runs" else _cards(name, asked)
        for name in ([group] if group else FOLDERS)
    }
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
            click.echo(f"  none like {' '.join(words)}" if words else "  none")
    if (pattern is not None or filters) and not any(listed.values()):
        click.echo(_elsewhere(group, asked, words), err=True)
        raise click.exceptions.Exit(1)


def _cards(group: str, pattern: str) -> list[dict[str, str]]:
    from tta_bench.cards.names import summaries

    shown = {name.replace("/any", "/<any>"): summary for name, summary in summaries(group).items()}
    found = [{"name": name, "summary": text} for name, text in shown.items() if fnmatch.fnmatch(name, pattern)]
    if group == "backbones" and pattern.startswith("timm/"):
        from tta_bench.cards.families import timm_models

        found += [{"name": f"timm/{name}", "summary": "A model of timm"} for name in timm_models(pattern[5:])]
    return found


def _elsewhere(group: str | None, pattern: str, words: Sequence[str]) -> str:
    """Return a hint at other places for a name that no card has."""
    told = f"nothing is called {pattern}."
    if group == "runs":
        told = told if words == (pattern,) else f"no run is like {' '.join(words)}."
        return f"{told} `tta-bench list runs` prints all."
    if group in (None, "backbones") and not pattern.startswith("timm/"):
        return f"{told} Models of timm: tta-bench list backbones 'timm/{pattern}'."
    return f"{told} `tta-bench list {group or ''}` prints all."
