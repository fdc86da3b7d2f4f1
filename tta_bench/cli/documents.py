"""Documents on stdout: with ``--json``, stdout holds one JSON document, whatever plug-ins and C code print."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
_KEY = "tta_bench.stdout"


def json_option(help: str = "Print one JSON document.") -> Callable[[Command], Command]:
    """Return the option ``--json``; while a command with it runs, all else that is printed goes to stderr."""
    return click.option("--json", "as_json", is_flag=True, is_eager=True, callback=_redirect, help=help)


def echo_json(data: object) -> None:
    """Print a JSON document on the stdout that the command was started with; figures that are not finite are null."""
    context = click.get_current_context(silent=True)
    stream: IO[str] | None = None if context is None else context.meta.get(_KEY)
    click.echo(json.dumps(finite(data), indent=2, allow_nan=False), file=stream)
    if stream is not None:
        stream.flush()


def finite(data: object) -> object:
    """Return plain data with null for figures that JSON has no word for: not a number, and infinity."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {key: finite(value) for key, value in data.items()}
    return [finite(value) for value in data] if isinstance(data, list | tuple) else data


@contextmanager
def stdout_to_stderr() -> Iterator[IO[str]]:
    """Send what is printed to stderr, from Python, C and children alike, and yield the true stdout."""
    true = sys.stdout
    try:
        number = true.fileno()
    except (OSError, ValueError, AttributeError):
        number = -1  # a test's own stream, or none at all
    if number != 1:
        sys.stdout = sys.stderr
        try:
            yield true
        finally:
            sys.stdout = true
        return
    true.flush()
    kept = os.dup(1)
    stream = os.fdopen(os.dup(1), "w", encoding=true.encoding, errors=true.errors)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    try:
        yield stream
    finally:
        with suppress(OSError):
            true.flush()
        os.dup2(kept, 1)
        os.close(kept)
        sys.stdout = true
        with suppress(OSError):
            stream.close()


def _redirect(context: click.Context, _: click.Parameter, given: bool) -> bool:
    if given and not context.resilient_parsing:
        context.meta[_KEY] = context.with_resource(stdout_to_stderr())
    return given
