"""``tta-bench verify``: recompute what records say."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("verify")
@click.argument("records", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[RECORD...]")
@click.option(
    "--predictions",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of predictions that are too large to lie beside their records.",
)
def command(records: tuple[Path, ...], predictions: Path | None) -> None:
    """Recompute every figure of records from their predictions, or from their outcomes where these are all there is.

    RECORD is a record's file, or a folder of records; by default leaderboards/records.
    """
    from tta_bench.errors import BenchError, CheckFailed, UserError
    from tta_bench.records.store import read_record, record_files
    from tta_bench.records.verify import verify_record

    given = records or (Path("leaderboards/records"),)
    files = [file for path in given for file in (record_files(path) if path.is_dir() else [path])]
    if not files:
        raise UserError(f"there are no records in {', '.join(map(str, given))}.")
    failed = 0
    for file in files:
        try:
            source, problems = verify_record(read_record(file), file.parent, predictions)
        except BenchError as error:
            source, problems = "nothing", [error.message]
        failed += bool(problems)
        mark = click.style("FAILED" if problems else "ok", fg="red" if problems else "green")
        click.echo(f"{mark} {file.name}: {'; '.join(problems) or _done(source)}")
    if failed:
        raise CheckFailed(f"{failed} of {len(files)} records are not true to their files.")


def _done(source: str) -> str:
    return "there is nothing to recompute" if source == "nothing" else f"recomputed from {source}"
