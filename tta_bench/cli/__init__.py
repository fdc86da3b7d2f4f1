"""The command line: parse, call the library, print. Commands are loaded when asked for; no torch before ``run``."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from tta_bench import __version__
from tta_bench.errors import BenchError, unknown

COMMANDS = (
    *("run", "eval", "predict", "features", "list", "show", "new", "check"),
    *("leaderboard", "verify", "compare", "submit", "reproduce", "data", "weights", "doctor"),
)


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is named.

        Raises:
            UserError: There is none; names the nearest.
        """
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise unknown("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tta-bench")
def cli() -> None:
    """Benchmark video backbones on human action and human reaction, under one protocol for all.

    \b
    tta-bench list                          what there is
    tta-bench run protocol=ucf101_ft        run a protocol: on your data, or on the embedded sample
    tta-bench show ucf101_ft                a protocol, backbone, dataset or weights, in full
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a check failed, 2 the user's mistake, 3 the run failed, 130 Ctrl-C."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        cli.main(args, prog_name="tta-bench", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BenchError as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error.message}", err=True)
        if error.hint:
            click.echo(error.hint, err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort) as error:
        stopped = error.__cause__ or error  # click turns an interrupt into its own Abort
        said = f"{stopped}. The same command goes on from here." if str(stopped) else "interrupted"
        click.echo(said, err=True)
        sys.exit(128 + getattr(stopped, "signum", signal.SIGINT))
    except BrokenPipeError:
        sys.exit(0)  # the reader (head, say) has seen enough


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived outside training."""

    signum = signal.SIGTERM


def _terminate(_: int, __: FrameType | None) -> None:
    raise Terminated
