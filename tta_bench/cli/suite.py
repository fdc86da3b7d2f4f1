"""``tta-bench suite``: all experiments of a suite's card, one resumable command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import plugin_option, set_voice, voice_options, work_dir_option
from tta_bench.utils.printable import counted

if TYPE_CHECKING:
    from tta_bench.cards.suite import SuiteCard
    from tta_bench.config.suite import Planned
    from tta_bench.protocols.base.suites import Size, State


@click.command("suite")
@click.argument("name", metavar="SUITE")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE...]")
@click.option("--dry-run", is_flag=True, help="Print the experiments, those done and the hours of the rest, and stop.")
@click.option(
    "--resume",
    type=click.Choice(["missing", "never", "always"]),
    default="missing",
    show_default=True,
    help="missing: skip what is done, go on with what is not. never: start anew. always: go on, and test again.",
)
@work_dir_option
@click.option("--wait", is_flag=True, help="Wait for what another process trains in this folder; else leave it out.")
@click.option(
    "--shard", metavar="I/N", help="Only every N-th experiment, from the I-th on (slurm: as the array task says)."
)
@plugin_option
@voice_options
@json_option("Print the records, or with --dry-run the plan, as one JSON document.")
def command(
    name: str,
    words: tuple[str, ...],
    dry_run: bool,
    resume: str,
    work_dir: Path,
    wait: bool,
    shard: str | None,
    plugins: tuple[Path, ...],
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Run the experiments that a suite's card names.

    The boards are filled, and the same command again goes on.

    \b
    tta-bench suite sample                every protocol on the embedded samples
    tta-bench suite frozen_12 --dry-run   what it holds, and the hours of it
    tta-bench suite frozen_12 protocol=ucf101_knn data.root=/data/ucf101

    protocol=, backbone= and weights= choose among what the card names; other keys go before the card's. An experiment
    that fails is named at the end, the others go on, and the exit code is 1. `tta-bench list suites` prints all cards.
    """
    from tta_bench.cards.catalog import suite_card
    from tta_bench.config.suite import planned, unconfigured
    from tta_bench.registry import load_files

    set_voice(quiet, verbose)
    code = load_files(plugins)
    card = suite_card(name)
    absent = unconfigured(card, words) if dry_run else []
    chosen = planned(card, [*words, *(f"data.roots.{dataset}={dataset}" for dataset in absent)], code)
    if shard is not None:
        from tta_bench.protocols.base.in_turn import shard as part_of

        chosen = part_of(chosen, shard)
    if dry_run:
        _print_plan(card, chosen, work_dir, absent, as_json)
        return
    if chosen and all(one.experiment is None for one in chosen) and (error := chosen[0].error) is not None:
        raise error
    _run(card, chosen, work_dir, resume, wait, as_json)


def _known(card: SuiteCard, chosen: Sequence[Planned], work_dir: Path, size: Size | None) -> list[State]:
    from tta_bench.protocols.base.suites import finished_records, states

    return states(chosen, card, finished_records(work_dir / "records"), size)


def _print_plan(
    card: SuiteCard, chosen: Sequence[Planned], work_dir: Path, absent: Sequence[str], as_json: bool
) -> None:
    """Print a row for each protocol, backbone and weights; the time of the rest; and what cannot be had."""
    from tta_bench.protocols.base.suites import left, problems, table

    size = None
    if card.tier == "full":
        from tta_bench.protocols.probe.encoder import token_size

        size = token_size
    known = _known(card, chosen, work_dir, size)
    rows, rest, machine = table(known, card), left(known, card), card.machine
    wrong = list(problems(chosen))
    if as_json:
        echo_json(
            {
                "suite": card.name,
                "rows": [dict(zip(_COLUMNS, row, strict=True)) for row in rows],
                "left": rest.experiments,
                "seconds": rest.seconds,
                "unknown": rest.unknown,
                "problems": wrong,
                "not_configured": list(absent),
            }
        )
        return
    from tabulate import tabulate

    click.echo(tabulate(rows, headers=_COLUMNS, tablefmt="github", disable_numparse=True))
    click.echo(f"{card.name}: {counted(len(chosen), 'experiment')}, {rest}.")
    if card.tier == "full":
        click.echo(
            f"Computed times are those of one {machine.name}, at {machine.share:.0%} of its {machine.tflops:g} TFLOPS "
            f"and with {machine.read:g} GB of features read a second; decoding, linear fits and kNN are left out."
        )
    else:
        click.echo("Measured are finished runs of the same protocol and backbone in this work folder.")
    for dataset in absent:
        click.echo(f"{dataset} is not configured here: say data.roots.{dataset}=DIR.")
    for line in wrong:
        click.echo(f"cannot be run: {line}", err=True)


_COLUMNS = ("protocol", "backbone", "weights", "runs", "done", "time left", "source")


def _run(card: SuiteCard, chosen: Sequence[Planned], work_dir: Path, resume: str, wait: bool, as_json: bool) -> None:
    """Run the experiments, print the records, and name those that failed.

    Raises:
        CheckFailed: Some failed.
    """
    from tta_bench import api
    from tta_bench.boards.web.plots import with_pictures
    from tta_bench.cli.results import own_boards
    from tta_bench.engine.world import launched
    from tta_bench.errors import CheckFailed, UserError
    from tta_bench.protocols.base.in_turn import run_alone, run_in_turn
    from tta_bench.protocols.base.suites import left, works

    if launched() > 1:
        raise UserError("a suite runs in one process.", "Say --shard i/n for each of several, or run its commands.")

    def rest() -> str:
        return f"{left(_known(card, chosen, work_dir, None), card)}."

    todo = works(chosen, lambda one: api.start(one, work_dir, resume), rest)
    done = run_in_turn(todo, wait, with_pictures(run_alone))
    boards = own_boards(work_dir)
    if as_json:
        echo_json([record.model_dump(mode="json") for record in done.records])
    else:
        click.echo(f"{card.name}: {counted(len(chosen), 'experiment')}, {len(done.failed)} failed; {rest()}")
        asked = {(one.experiment.protocol.name, card.tier) for one in chosen if one.experiment is not None}
        for board in boards:
            if (board.protocol, board.tier) not in asked:
                continue
            click.echo(f"  {work_dir / 'leaderboards' / board.path}")
    if done.failed:
        named = "\n".join(f"{name}: {error.message}" for name, error in done.failed)
        raise CheckFailed(f"{len(done.failed)} of {counted(len(chosen), 'experiment')} failed:\n{named}")
