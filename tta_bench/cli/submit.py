"""``tta-bench submit``: put records on the committed boards."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.options import boards_option


@click.command("submit")
@click.argument("arguments", nargs=-1, required=True, metavar="RECORD... [KEY=VALUE...]")
@boards_option
@click.option(
    "--party", metavar="NAME", help="Who measured, if not this project: its runs stand beside, and replace none."
)
def command(arguments: tuple[str, ...], boards: Path, party: str | None) -> None:
    """Verify records, copy them with their outcomes to leaderboards/records, and render the boards.

    Refused is a record that is no success, that is not true to its predictions and outcomes, that was measured by
    changed code (so that no commit gives it again), or by another version of its protocol than the one here.
    Predictions of up to 100 kB are copied too. An older run of the same experiment by the same party leaves the folder
    and gets a line in replaced.yaml. Commit what changed, and open a pull request.

    Records of data whose labels may not be published are checked with data.root=DIR or labels=FILE; neither labels nor
    subjects are copied.
    """
    from tta_bench.boards.submission import submit
    from tta_bench.cli.options import label_words, labels_for, paths_and_words
    from tta_bench.errors import UserError

    records, words = paths_and_words(arguments)
    if not records:
        raise UserError("no record was named.")
    given = label_words(words)
    submission = submit(records, boards, lambda record: labels_for(record, given), party)
    for put in submission.records:
        click.echo(put.path)
        if put.kept_out:
            click.echo(f"  predictions stay where they are, too large for git: {put.kept_out}", err=True)
    for line in submission.replaced:
        click.echo(f"  replaced: {line.record} by {line.by}")
    click.echo("\n".join(map(str, submission.boards)))
