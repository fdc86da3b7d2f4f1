"""``tta-bench data shots``: the low-shot lists of a dataset, as files that others can use."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import click

from tta_bench.cli.options import load_plugins, plugin_option
from tta_bench.utils.printable import counted

COLUMNS = ("shot", "class", "id", "group")


@click.command("shots")
@click.argument("dataset")
@click.argument("words", nargs=-1, metavar="data.root=DIR")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--most", default=10, show_default=True, type=click.IntRange(1), help="Clips of each class.")
@click.option("--folds", default=5, show_default=True, type=click.IntRange(1), help="Folds, numbered from 0.")
@plugin_option
def shots(dataset: str, words: tuple[str, ...], into: Path, most: int, folds: int, plugins: tuple[Path, ...]) -> None:
    """Write the low-shot lists of a dataset's training lists.

    There is a CSV file for each split and fold. A list of n shots is the rows whose `shot` is n or less, so smaller
    lists are contained in larger ones. They depend on the names of dataset, split, fold, classes and clips alone, and
    are those of `train.shots=n seed=FOLD`.

    \b
    tta-bench data shots ucf101 data.root=/data/ucf101 --into ucf101-shots
    """
    from tta_bench.cli.data import located
    from tta_bench.data.datasets.shots import shot_list
    from tta_bench.errors import UserError
    from tta_bench.utils.files import write_atomic

    load_plugins(plugins)
    layout, _, _ = located(dataset, words)
    if not hasattr(layout, "split"):
        raise UserError(f"{dataset} has no classes, of which shots are taken.")
    from tta_bench.cards.catalog import dataset_card

    lists = {
        f"{dataset.replace('/', '-')}__split{split}_fold{fold}.csv": [
            (str(place), layout.classes[sample.label], sample.id, sample.group)
            for place, sample in shot_list(layout.split(split).train, layout.classes, most, dataset, split, fold)
        ]
        for split in dataset_card(dataset).splits
        for fold in range(folds)
    }  # all are made before one is written
    for name, rows in lists.items():
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
        write_atomic(into / name, text.getvalue().encode())
    each = f"{counted(most, 'clip')} of each of {counted(len(layout.classes), 'class', 'classes')}"
    click.echo(f"{into}: {counted(len(lists), 'list')} of up to {each}.")
