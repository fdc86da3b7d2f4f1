"""``tta-bench verify``: recompute what records say."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.options import load_plugins, plugin_option


@click.command("verify")
@click.argument("arguments", nargs=-1, metavar="[RECORD...] [KEY=VALUE...]")
@click.option(
    "--predictions",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of predictions that are too large to lie beside their records.",
)
@click.option(
    "--since",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the boards as they were before: each of its records must be here, or replaced by a newer run.",
)
@plugin_option
def command(
    arguments: tuple[str, ...], predictions: Path | None, since: Path | None, plugins: tuple[Path, ...]
) -> None:
    """Recompute every figure of records from their predictions, or from their outcomes where these are all there is.

    \b
    tta-bench verify
    tta-bench verify runs/records/NAME.json data.root=/data/hume_reaction

    RECORD is a record's file, or a folder of records; by default leaderboards/records. Records of data whose labels may
    not be published need these: data.root=DIR is the dataset's folder, labels=FILE a file of labels. A score that a
    plug-in registers is recomputed with --plugin FILE.py; a record's own plug-ins are never imported.
    """
    from tta_bench.boards.replaced import lost_records
    from tta_bench.cli.options import label_words, paths_and_words
    from tta_bench.errors import CheckFailed, UserError
    from tta_bench.records.store import record_files

    load_plugins(plugins)
    paths, words = paths_and_words(arguments)
    folders = paths or [Path("leaderboards/records")]
    labels = label_words(words)
    if not paths and not folders[0].is_dir():
        raise UserError(
            f"there is no folder {folders[0]} here.", "Name records: tta-bench verify RECORD, or go to a clone's root."
        )
    files = [file for path in folders for file in (record_files(path) if path.is_dir() else [path])]
    if not files:
        raise UserError(f"there are no records in {', '.join(map(str, folders))}.")
    failed = 0
    for file in files:
        confirmed, text = _check(file, predictions, labels)
        failed += not confirmed
        click.echo(
            f"{click.style('ok', fg='green') if confirmed else click.style('FAILED', fg='red')} {file.name}: {text}"
        )
    lost = [problem for folder in folders for problem in lost_records(since, folder.parent)] if since else []
    for problem in lost:
        click.echo(f"{click.style('LOST', fg='red')} {problem}")
    if failed:
        raise CheckFailed(f"{failed} of {len(files)} records are not confirmed by their files.")
    if lost:
        raise CheckFailed(f"{len(lost)} records may not disappear.")


def _check(file: Path, predictions: Path | None, labels: dict[str, str]) -> tuple[bool, str]:
    """Return True if a record is confirmed, with the source of its figures, else False with its problems."""
    from tta_bench.cli.options import labels_for
    from tta_bench.errors import BenchError
    from tta_bench.records.store import read_record
    from tta_bench.records.verify import verify_record

    try:
        record = read_record(file)
    except BenchError as error:
        return False, error.message
    source, problems = verify_record(record, file.parent, predictions, labels_for(record, labels))
    if problems:
        return False, "; ".join(problems)
    if source != "nothing":
        return True, f"recomputed from {source}"
    hidden = record.verifiable_with
    return True, f"verifiable with {hidden}" if hidden else "there is nothing to recompute"
