"""``tta-bench eval``: score anybody's file, without a model."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.completion import complete_words
from tta_bench.cli.documents import json_option
from tta_bench.cli.options import load_plugins, plugin_option, work_dir_option


@click.command("eval")
@click.argument("words", nargs=-1, metavar="KEY=VALUE...", shell_complete=complete_words)
@work_dir_option
@plugin_option
@json_option("Print the record as one JSON document.")
def command(words: tuple[str, ...], work_dir: Path, plugins: tuple[Path, ...], as_json: bool) -> None:
    """Score a file of predictions.

    The record is marked as scored from a file, and so is its row on the board.

    \b
    tta-bench eval protocol=ucf101_ft predictions=a.csv data.root=/data/ucf101
    tta-bench eval protocol=ucf101_ft predictions=a.npz labels=labels.csv
    tta-bench eval protocol=abaw_eri predictions=team.csv data.root=/data/hume
    tta-bench eval protocol=abaw_eri predictions=team.csv labels=data_info.csv

    A CSV file has a column id and either a column of scores for each class, or a column class with the best one (whose
    top-5 is its top-1). An NPZ file has the arrays ids, scores and classes. Every test clip must be there once; the
    order of rows and columns is free. The clips are those of the dataset's official list, or those of the labels file
    (id,label or id,label,group), which makes the record not standard.

    For abaw_eri the file is the challenge's: File_ID, with or without brackets, and a column for each emotion. Labels
    are those of the part val, or of eval.split=test where somebody has them; a labels file is MuSe's labels.csv or
    ABAW5's data_info.csv. Neither labels nor subjects are written anywhere.

    Keys: protocol, predictions, labels, backbone (what to call it), dataset, split, seed, tier, data.root, eval.split.
    """
    from tta_bench.config.prediction_file import resolve_scores

    load_plugins(plugins)
    asked = resolve_scores(words)

    from tta_bench.cli.results import print_results
    from tta_bench.protocols import load_protocol
    from tta_bench.utils.files import require_writable

    require_writable(work_dir)
    record = load_protocol(asked.protocol.component).score_file(asked, work_dir)
    print_results([record], work_dir, as_json)
