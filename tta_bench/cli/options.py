"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from tta_bench.utils.files import is_there, require_folder

Command = TypeVar("Command", bound=Callable[..., Any])

plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE.py",
    help="A file that registers a backbone, dataset, protocol or metric (may be given again).",
)
boards_option = click.option(
    "--boards",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("leaderboards"),
    show_default=True,
    help="Where the boards are, with records/, published/ and errata.yaml.",
)


def _folder(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """Return the path of a folder that is there or can be made; refuse one inside a file."""
    if path is not None:
        require_folder(path)
    return path


def folder_of_runs(meaning: str, default: Path | None = Path("runs")) -> Callable[[Command], Command]:
    """Return the option ``--work-dir``: a folder that is there or can be made.

    Args:
        meaning: Text of the help.
        default: The folder, if none is given; None leaves it to the command.
    """
    return click.option(
        "--work-dir",
        type=click.Path(path_type=Path),
        callback=_folder,
        default=default,
        show_default=True,
        help=meaning,
    )


def voice_options(command: Command) -> Command:
    """Return a command with the options ``-q`` and ``-v``: how much it says on stderr while it works."""
    quiet = click.option("-q", "--quiet", is_flag=True, help="Say warnings and errors only; results are printed.")
    verbose = click.option("-v", "--verbose", is_flag=True, help="Say a line for each step, and show no bars.")
    return quiet(verbose(command))


def set_voice(quiet: bool, verbose: bool) -> list[str]:
    """Set how much is said while work is done, and return the options that say so to another process.

    Args:
        quiet: True says warnings and errors only.
        verbose: True says a line for each step.

    Raises:
        UserError: Both are asked for.
    """
    from tta_bench.errors import UserError
    from tta_bench.utils.progress import console

    if quiet and verbose:
        raise UserError("--quiet and --verbose exclude each other.", "Leave one of them out.")
    console.hushed, console.verbose = quiet, verbose
    return [*(["--quiet"] if quiet else []), *(["--verbose"] if verbose else [])]


work_dir_option = folder_of_runs("Where checkpoints, records and boards of your own runs go.")


class RecordFile(click.ParamType[Path]):
    """A record: the path of its file, or its name as ``tta-bench list runs`` prints it."""

    name = "record"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the record's file.

        Raises:
            UserError: There is none; names the nearest.
        """
        from tta_bench.records.store import find_record

        return find_record(str(value))


def load_plugins(files: Iterable[Path]) -> None:
    """Import plug-in files; MMEngine is imported only if there are any.

    Raises:
        UserError: A file is not there, or fails to import.
    """
    if files:
        from tta_bench.registry import load_files

        load_files(files)


def paths_and_words(arguments: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Return the arguments that are files, folders or names of records, and the ``key=value`` words among them.

    Raises:
        UserError: One is none of these.
    """
    from tta_bench.records.store import find_record

    paths, words = [], []
    for argument in arguments:
        if is_there(Path(argument)):
            paths.append(Path(argument))
        elif "=" in argument:
            words.append(argument)
        else:
            paths.append(find_record(argument))
    return paths, words


def label_words(words: Iterable[str]) -> dict[str, str]:
    """Return the ``key=value`` words that locate labels: ``data.root`` or ``labels``.

    Raises:
        UserError: A key is unknown.
    """
    from tta_bench.config.overrides import parse

    return parse(words, ("data.root", "labels"))
