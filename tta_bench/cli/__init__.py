"""The command line: parse, call the library, print. Commands are loaded when asked for; no torch before ``run``."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from tta_bench import __version__
from tta_bench.cli import endings
from tta_bench.errors import unknown
from tta_bench.utils.signals import ignore_signals, interrupt_on_signals
from tta_bench.utils.threads import let_threads_sleep

COMMANDS = {
    "run": "Run a protocol: fine-tune, test, record, and show the board.",
    "suite": "Run the experiments that a suite's card names.",
    "eval": "Score a file of predictions.",
    "predict": "Print classes or intensities of videos, by a finished run.",
    "features": "Encode videos with a frozen backbone, as NPZ archives.",
    "list": "List backbones, weights, datasets, protocols, suites or runs.",
    "show": "Show a card or a record in full.",
    "new": "Write a plug-in package that passes its own test.",
    "check": "Test a backbone, dataset or protocol against its contract.",
    "leaderboard": "Render the leaderboards from records.",
    "report": "Write one HTML file about runs.",
    "verify": "Recompute every figure of records; say on what each rests.",
    "compare": "Compare records on the same test clips.",
    "attest": "Test or train again, and sign that a record's figures hold.",
    "submit": "Verify records, and put them on the official boards.",
    "reproduce": "Print the exact commands that measure a record again.",
    "data": "Verify, prepare, compare and state a dataset's videos.",
    "weights": "Get released weights, or pass on those of a run.",
    "doctor": "Report on this machine, with a remedy for what is missing.",
    "completion": "Print a script that lets a shell complete your words.",
}
"""The commands, each with the first sentence of its help, so that no command is loaded to list them."""


class Ended(Exception):
    """An error, its cause, that click would take for a signal's or a shell's: a closed pipe, or the end of a file."""


class Commands(click.Group):
    """Loads ``tta_bench.cli.<name>`` when the command is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order they are usually needed."""
        return [*COMMANDS]  # the module of the command `list` takes that name here once it is loaded

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"tta_bench.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading them."""
        limit = formatter.width - 6 - max(map(len, COMMANDS))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, click.Command(name, help=text).get_short_help_str(limit)) for name, text in COMMANDS.items()]
            )

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is named."""
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, EOFError) as error:
            raise Ended from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is named.

        Raises:
            UserError: There is none; names the nearest.
        """
        if args and not args[0].startswith("-") and args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise unknown("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tta-bench")
def cli() -> None:
    """Benchmark video backbones on human action and human reaction, under one protocol for all.

    \b
    tta-bench list                     what there is
    tta-bench run protocol=ucf101_ft   run a protocol: on your data or the sample
    tta-bench show ucf101_ft           a protocol, backbone, dataset or weights
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    The code is 0 for done, 1 for a check that failed, 2 for the user's mistake, 3 for a run that failed or an error
    that was not foreseen, 128 + n for a stop by signal n. No traceback is printed: it goes to a file, which is named.
    """
    endings.open_standard_files()
    interrupt_on_signals()
    let_threads_sleep()
    words = [*sys.argv[1:]] if args is None else [*args]
    if args is None and (asked := os.environ.get("_TTA_BENCH_COMPLETE")):
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(cli, {}, "tta-bench", "_TTA_BENCH_COMPLETE", asked))
    try:
        code = cli.main(words, prog_name="tta-bench", standalone_mode=False)
        endings.flush_stdout()
    except (KeyboardInterrupt, click.Abort) as error:
        ignore_signals()  # a repeated signal changes nothing more
        stopped = error.__cause__ or error  # click turns an interrupt into its own Abort
        said = f"{stopped}. The same command goes on from here." if str(stopped) else "interrupted"
        with suppress(OSError):
            click.echo(said, err=True)
        sys.exit(128 + getattr(stopped, "signum", signal.SIGINT))
    except Ended as ended:
        sys.exit(_end(ended.__cause__ or ended, words))
    except BaseException as error:
        sys.exit(_end(error, words))
    if isinstance(code, int) and code:
        sys.exit(code if code in (1, 2, 3) else 3)


def _end(error: BaseException, words: Sequence[str]) -> int:
    """Say why a command ended, and return its code; nothing is said where the reader of stdout (head, say) has left."""
    if isinstance(error, BrokenPipeError) and endings.reader_left():
        endings.give_up_stdout()
        return 0  # a reader that has seen enough is no error
    if isinstance(error, SystemExit):  # a plug-in's own, or a library's
        ended, error = error, RuntimeError(f"something called exit({error.code!r})")
        error.__cause__ = ended
    code = endings.say(error, words)
    try:
        endings.flush_stdout()
    except (OSError, ValueError):
        endings.give_up_stdout()
    return code
