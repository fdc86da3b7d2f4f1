"""``tta-bench show``: a card in full, as YAML or JSON.

The library puts it together (`tta_bench.config.describe`), so that Python gets the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tta_bench.cli.completion import complete_names_and_runs
from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import load_plugins, plugin_option


@click.command("show")
@click.argument("name", shell_complete=complete_names_and_runs)
@plugin_option
@click.option("--keys", is_flag=True, help="Of a protocol: every key=value word, with its value, type and meaning.")
@json_option()
def command(name: str, plugins: tuple[Path, ...], keys: bool, as_json: bool) -> None:
    """Show a card or a record in full.

    \b
    tta-bench show ucf101_ft                   a protocol's card, and differences
                                               that it can find
    tta-bench show ucf101_ft --keys            its keys, as you type them
    tta-bench show resnet50                    parameters, GMACs per view, views
    tta-bench show resnet50+egemaps            joined backbones
    tta-bench show my_net --plugin my_net.py   a plug-in's card
    tta-bench show RECORD                      a record, by its file or its name

    NAME is that of a backbone, weights, a dataset, a protocol or a suite.
    Of a protocol the locked keys are shown too: changing one makes a run non-standard, and keeps it off the main board.
    """
    from tta_bench.config.describe import describe

    load_plugins(plugins)
    if keys:
        _show_keys(name, as_json)
        return
    shown = _record(name) or describe(name)
    if as_json:
        echo_json(shown)
    else:
        click.echo("\n".join(_as_text(data) for data in shown.values()))


def _show_keys(name: str, as_json: bool) -> None:
    """Print a table of a protocol's keys, or a JSON document of them."""
    from dataclasses import asdict

    from tabulate import tabulate

    from tta_bench.config.key_table import key_table
    from tta_bench.experiments.kinds import protocol_card

    rows = key_table(protocol_card(name))
    if as_json:
        echo_json([asdict(row) for row in rows])
        return
    cells = [[row.key, row.value, row.type, "locked" if row.locked else "", row.help] for row in rows]
    click.echo(tabulate(cells, headers=["key", "value", "type", "locked", "help"], disable_numparse=True))


def _record(name: str) -> dict[str, dict[str, Any]] | None:
    """Return a record that is called so, if there is one: a card has no such name, and no path is a card's."""
    from tta_bench.errors import UserError
    from tta_bench.records.store import find_record, read_record

    if "__" not in name and not name.endswith(".json"):
        return None
    try:
        path = find_record(name)
    except UserError:
        return None
    return {"record": read_record(path).model_dump(mode="json")}


def _as_text(data: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None).rstrip("\n")
