"""``tta-bench report``: one page about some runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_bench.cli.completion import complete_runs
from tta_bench.cli.options import label_words, load_plugins, paths_and_words, plugin_option, work_dir_option

if TYPE_CHECKING:
    from tta_bench.records.schema import Record


@click.command("report")
@click.argument(
    "arguments", nargs=-1, required=True, metavar="RUN|RECORD... [data.root=DIR]", shell_complete=complete_runs
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder of the page.  [default: .]",
)
@work_dir_option
@plugin_option
def command(arguments: tuple[str, ...], into: Path, work_dir: Path, plugins: tuple[Path, ...]) -> None:
    """Write one HTML file about runs: curves, figures of each class, confusion, worst clips, cost, how to reproduce.

    \b
    tta-bench report ucf101_ft__videomaev2_vit_tiny__split1_seed0__1a2b3c4d
    tta-bench report runs/records/*.json --into report

    A run is named as `tta-bench list runs` prints it, or by its record's file. The page holds all that it shows.
    Several runs are compared pair by pair. Frames of the worst clips need the data: the embedded sample is at hand,
    other data are with data.root=DIR.
    """
    from tta_bench.boards.web.report import write_report
    from tta_bench.errors import UserError

    load_plugins(plugins)
    records, words = paths_and_words(arguments)
    root = label_words(words).get("data.root")
    if not records:
        raise UserError("no run was named.", "`tta-bench list runs` names them.")
    path = into / (f"{records[0].stem}.html" if len(records) == 1 else "report.html")
    into.mkdir(parents=True, exist_ok=True)
    write_report(records, work_dir, lambda record: files_of_clips(record, root and Path(root).expanduser()), path)
    click.echo(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def files_of_clips(record: Record, root: Path | str | None) -> dict[str, Path]:
    """Return the files of a record's test clips by id; none of a full dataset whose folder was not said.

    Args:
        record: The record.
        root: Folder of the data.

    Raises:
        UserError: The folder is not that of the record's data.
    """
    from tta_bench.cards.catalog import dataset_card
    from tta_bench.data.datasets.open import dataset_root, open_dataset

    if not root and record.identity.tier != "sample":
        return {}
    card = dataset_card(record.identity.dataset.name)
    dataset = open_dataset(card, dataset_root(card, Path(root) if root else None))
    part = record.identity.split
    if hasattr(dataset, "split") and part.isdigit():
        return {sample.id: sample.path for sample in dataset.split(int(part)).test}
    return {clip.id: clip.video for clip in dataset.part(part) if clip.video is not None}
