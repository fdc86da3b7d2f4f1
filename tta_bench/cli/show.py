"""``tta-bench show``: a card in full, as YAML or JSON.

The library puts it together (`tta_bench.config.describe`), so that Python gets the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tta_bench.cli.options import load_plugins, plugin_option


@click.command("show")
@click.argument("name")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(name: str, plugins: tuple[Path, ...], as_json: bool) -> None:
    """Show a backbone, weights, dataset, protocol or record: its resolved card, hash, locked keys, size and cost.

    \b
    tta-bench show ucf101_ft                          every key of a protocol, and the differences that it can find
    tta-bench show resnet50                           parameters, GMACs per view, and views of each protocol
    tta-bench show resnet50+egemaps                   joined backbones
    tta-bench show my_net --plugin my_net.py --json   a plug-in's card, as data
    tta-bench show RECORD                             a record: its file, or its name in `tta-bench list runs`

    Of a protocol the locked keys are shown too: changing one makes a run non-standard, and keeps it off the main board.
    """
    from tta_bench.config.describe import describe

    load_plugins(plugins)
    shown = _record(name) or describe(name)
    click.echo(json.dumps(shown, indent=2) if as_json else "\n".join(_as_text(data) for data in shown.values()))


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
