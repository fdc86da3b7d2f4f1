"""Endings of a command: an exit code and a line for every error, and a file for what was not foreseen."""

from __future__ import annotations

import errno
import os
import select
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from tta_bench import __version__
from tta_bench.errors import BenchError
from tta_bench.utils.printable import one_line, printable

FORESEEN = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "it is a folder",
    errno.ENOTEMPTY: "the folder is not empty",
    errno.EEXIST: "it exists",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "links lead in a circle",
    errno.EMFILE: "too many files are open (see ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
    errno.EIO: "the device cannot be read or written",
    errno.ENOMEM: "there is too little memory",
    errno.ENOENT: "it does not exist",
}
"""Words for what an operating system refuses; an error with a file or one of a full disk needs no traceback."""
OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
"""Those that say enough without a file's name."""
HYDRA = {"-m", "--multirun", "-cn", "-cp", "--config-name", "--config-path", "--cfg"}
"""Options of Hydra, whose users know key=value."""


def say(error: BaseException, words: Sequence[str]) -> int:
    """Print one error on stderr, in a line and a way out, and return the exit code.

    Args:
        error: Whatever ended the command.
        words: The command's words, for the file of an error that was not foreseen.
    """
    if isinstance(error, click.ClickException):
        return _say_usage(error)
    if isinstance(error, BenchError):
        return say_line(error.message, error.hint, error.exit_code)
    if isinstance(error, OSError) and (text := _of_the_system(error)) is not None:
        return say_line(text, "", 3)
    kind, text = type(error).__name__, one_line(str(error))[:300]
    file = write_report(error, words)
    where = f"What happened stands in {file}; please report it." if file else "Nowhere could its details be written."
    return say_line(f"unexpected {kind}{': ' if text else ''}{text}", where, 3)


def say_line(message: str, hint: str, code: int) -> int:
    """Print an error and a way out on stderr, if that can be written, and return the exit code."""
    with suppress(OSError, ValueError):
        click.echo(f"{click.style('error:', fg='red', bold=True)} {printable(message)}", err=True)
        if hint:
            click.echo(printable(hint), err=True)
    return code


def _say_usage(error: click.ClickException) -> int:
    if isinstance(error, click.NoSuchOption) and error.option_name in HYDRA:
        hint = "Lists are written split=1,2 and seed=0,1, and run one after the other without an option."
        return say_line(f"no such option: {error.option_name}.", hint, 2)
    context = getattr(error, "ctx", None)
    usage = [context.get_usage()] if context is not None else []
    with suppress(OSError, ValueError):
        click.echo("\n".join([*usage, f"Error: {one_line(error.format_message())}"]), err=True)
    return 2


def _of_the_system(error: OSError) -> str | None:
    """Return the refusal of the operating system, with its file; None where it does not say enough."""
    reason = FORESEEN.get(error.errno or 0)
    if reason is None:
        return None
    if error.filename is not None:
        return f"{one_line(os.fsdecode(error.filename))}: {reason}."
    return f"{reason}." if error.errno in OF_THE_MACHINE else None


def write_report(error: BaseException, words: Sequence[str]) -> Path | None:
    """Write the traceback of an error into a file of the cache, else of the temporary folder; None if neither can be.

    Args:
        error: The error.
        words: The command's words.
    """
    import platform
    import tempfile
    import traceback
    from datetime import UTC, datetime

    from tta_bench.utils.paths import cache_folder

    now = datetime.now(UTC)
    text = (
        f"tta-bench {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"{now:%Y-%m-%dT%H:%M:%SZ}\n"
        f"words: {list(words)!r}\n\n{''.join(traceback.format_exception(error))}"
    )
    name = f"error-{now:%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    for folder in (cache_folder() / "errors", Path(tempfile.gettempdir())):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
            return folder / name
    return None


def flush_stdout() -> None:
    """Write what is still held back for stdout, so that a full disk is an error of the command.

    Raises:
        OSError: It cannot be written.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def reader_left() -> bool:
    """Return True if nobody reads stdout any more; False too where that cannot be asked."""
    try:
        poll = select.poll()
        poll.register(1, 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (AttributeError, OSError):  # Windows has no poll
        return sys.platform == "win32"


def give_up_stdout() -> None:
    """Let nothing more be written to stdout: at its end the interpreter would try again, and complain."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def open_standard_files() -> None:
    """Open those of files 0 to 2 that a shell closed: else the next file opened gets their number, and their text."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - kept open
