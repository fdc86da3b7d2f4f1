"""``tta-bench reproduce``: how to measure a record again, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.completion import complete_runs
from tta_bench.cli.options import RecordFile, folder_of_runs, plugin_option


@click.command("reproduce")
@click.argument("record", type=RecordFile(), shell_complete=complete_runs)
@click.argument("words", nargs=-1, metavar="[KEY=VALUE...]")
@click.option("--run", "run_it", is_flag=True, help="Run it with the code that is here, and report the difference.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    help="With --run: exit 1 if the score differs by more points, hundredths of accuracy or r.",
)
@folder_of_runs("Where the run goes.", Path("runs/reproduced"))
@plugin_option
def command(
    record: Path,
    words: tuple[str, ...],
    run_it: bool,
    tolerance: float | None,
    work_dir: Path,
    plugins: tuple[Path, ...],
) -> None:
    """Print the exact commands that measure a record again.

    With --run they are run here, and the result is compared.

    \b
    tta-bench reproduce NAME
    tta-bench reproduce NAME data.root=/data/ucf101 --run

    KEY=VALUE says what a record does not know: where data and weights are on this machine.
    """
    from tta_bench.errors import CheckFailed, UserError
    from tta_bench.records.reproduce import run_words, script
    from tta_bench.records.store import read_record, record_name

    recorded = read_record(record)
    if not run_it:
        click.echo(script(recorded, words))
        return
    if recorded.origin == "scored":
        raise UserError(
            "this record was scored from a file, so there is nothing to run.", "`tta-bench verify` does it."
        )
    from tta_bench import api
    from tta_bench.boards.reproduction import reproduction

    (again,) = api.run_all(api.experiments(run_words(recorded, words), plugins), work_dir, "missing", wait=True)
    result = reproduction(record, work_dir / "records" / f"{record_name(again.identity)}.json")
    click.echo(result.report)
    if tolerance is not None and abs(result.difference) > tolerance / 100:
        points = f"{100 * result.difference:+.2f} points"
        raise CheckFailed(f"{recorded.identity.protocol.score} differs by {points}, more than {tolerance:g}.")
