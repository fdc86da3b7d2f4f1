"""``tta-bench submit``: put records on the committed boards."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.completion import complete_runs
from tta_bench.cli.options import boards_option


@click.command("submit")
@click.argument("arguments", nargs=-1, required=True, metavar="RECORD... [KEY=VALUE...]", shell_complete=complete_runs)
@boards_option
@click.option(
    "--party", metavar="NAME", help="Who measured, if not this project: its runs stand beside, and replace none."
)
@click.option("--code", metavar="ADDRESS@COMMIT", help="Public code of the plug-ins: https://... and a full commit.")
@click.option(
    "--predictions-at",
    metavar="ADDRESS",
    help="Where predictions are published that are too large for git: https://...; `verify --fetch` gets them.",
)
@click.option("--not-standard", is_flag=True, help="Take records that are not standard: they get no rank.")
def command(
    arguments: tuple[str, ...],
    boards: Path,
    party: str | None,
    code: str | None,
    predictions_at: str | None,
    not_standard: bool,
) -> None:
    """Verify records, and put them on the official boards.

    They are copied with their outcomes to leaderboards/records, and the boards are rendered. RECORD is a record's file,
    or its name in `tta-bench list runs`. Refused is a record that is no success, that is not true to its predictions
    and outcomes, that is not standard, that is of data of one's own, that was measured by changed code (so that no
    commit gives it again), or by another version of its protocol than the one here. Predictions of up to 100 kB are
    copied too. An older run of the same experiment by the same party leaves the folder and gets a line in
    replaced.yaml. The commit of --code is asked for at its address, and the text for the pull request says if it could
    not be got. All records are put in place, or none.

    Records of data whose labels may not be published are checked with data.root=DIR or labels=FILE; neither labels nor
    subjects are copied.
    """
    from tta_bench.boards.neighbours import rows_among
    from tta_bench.boards.public_code import why_not_public
    from tta_bench.boards.pull_request import git_commands, pull_request_text
    from tta_bench.boards.submission import Named, submit
    from tta_bench.cli.options import label_words, paths_and_words
    from tta_bench.errors import UserError
    from tta_bench.records.store import read_record
    from tta_bench.records.verify import MAINTAINERS, judge
    from tta_bench.results import labels_for

    paths, words = paths_and_words(arguments)
    if not paths:
        raise UserError("no record was named.")
    given = label_words(words)
    named = Named(party, code, predictions_at, not_standard)
    submission = submit(paths, boards, lambda record: labels_for(record, given), named)
    records = [read_record(put.path) for put in submission.records]
    for put, record in zip(submission.records, records, strict=True):
        click.echo(put.path)
        if put.kept_out and not predictions_at:
            click.echo(f"  predictions stay where they are, too large for git: {put.kept_out}", err=True)
            click.echo("  publish them and say --predictions-at, else the row is arithmetic, without a rank", err=True)
        plugins = [plugin.name for plugin in record.environment.plugins] if record.environment else []
        if plugins and record.plugin_code is None:
            click.echo(
                f"  the code of its plug-ins is not public, so nobody can run it: {', '.join(plugins)}", err=True
            )
            click.echo("  say --code ADDRESS@COMMIT if it is", err=True)
    public = next((record.plugin_code for record in records if record.plugin_code), None)
    unseen = why_not_public(public) if public else None
    if public and unseen:
        click.echo(f"the code of its plug-ins was not seen to be public: {public.address}: {unseen}", err=True)
    for line in submission.replaced:
        click.echo(f"  replaced: {line.record} by {line.by}")
    click.echo("\n".join(map(str, submission.boards)))
    names = {put.path.stem for put in submission.records}
    click.echo(f"\n{rows_among(boards / 'records', boards, names)}".rstrip())
    standings = [
        judge(record, path.parent, truth=labels_for(record, given), maintainers=boards / MAINTAINERS)
        for record, path in zip(records, paths, strict=True)
    ]
    click.echo("\nCommit it, and open a pull request:\n")
    click.echo("\n".join(f"  {line}" for line in git_commands(records, boards)))
    click.echo(f"\n{pull_request_text(records, [standing.word for standing in standings], unseen)}")
