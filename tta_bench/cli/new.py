"""``tta-bench new``: write a plug-in package to start from."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

NEXT = {
    "backbone": "tta-bench check {name}",
    "dataset": "tta-bench run protocol=ucf101_ft dataset={name} data.root=DIR",
    "protocol": "tta-bench run protocol={name}",
}


@click.command("new")
@click.argument("kind", metavar="KIND")
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    help="Folder to write NAME/ into; by default this one.",
)
def command(kind: str, name: str, into: Path) -> None:
    """Write a plug-in package that passes its own test.

    \b
    tta-bench new backbone my_net        a network in one function
    tta-bench new dataset my_videos      a class that reads a layout
    tta-bench new protocol my_protocol   a variant of fine-tuning
    """
    from tta_bench.errors import unknown
    from tta_bench.templates.scaffold import Kind, write_package

    if kind not in get_args(Kind):
        raise unknown("kind of plug-in", kind, get_args(Kind))
    for path in write_package(kind, name, into):  # type: ignore[arg-type]
        click.echo(f"wrote {path}")
    click.echo(f"\ncd {into / name} && pip install -e '.[dev]' && pytest && {NEXT[kind].format(name=name)}", err=True)
