"""``tta-bench submit``: put records on the committed boards."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.options import boards_option


@click.command("submit")
@click.argument(
    "records",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="RECORD...",
)
@boards_option
def command(records: tuple[Path, ...], boards: Path) -> None:
    """Verify records, copy them with their outcomes to leaderboards/records, and render the boards.

    Refused is a record that is no success, that is not true to its predictions and outcomes, that was measured by
    changed code (so that no commit gives it again), or by another version of its protocol than the one here.
    Predictions of up to 100 kB are copied too. Commit what changed, and open a pull request.
    """
    from tta_bench.boards.submission import submit

    done, written = submit(records, boards)
    for put in done:
        click.echo(f"{put.path}" + (f" (replaces the run of {put.replaced.finished})" if put.replaced else ""))
        if put.kept_out:
            click.echo(f"  predictions stay where they are, too large for git: {put.kept_out}", err=True)
    click.echo("\n".join(map(str, written)))
