"""Experiments of one command, one after the other: one that fails, or that another process does, ends no other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from tta_bench.engine.world import current
from tta_bench.errors import BenchError, UserError
from tta_bench.protocols.base.protocol_run import Findings, ProtocolRun
from tta_bench.records.claims import HINT, Claimed, wait_for
from tta_bench.records.schema import Record
from tta_bench.utils.faults import foreseen
from tta_bench.utils.printable import counted
from tta_bench.utils.progress import console

Result = TypeVar("Result")
Work = tuple[str, Callable[[], ProtocolRun]]
"""Name of an experiment, and what makes it ready to run."""


class Failed(BenchError):
    """Some experiments of a command that failed, each told before; exits with the worst one's code."""

    def __init__(self, errors: Sequence[BenchError], count: int) -> None:
        super().__init__(
            f"{len(errors)} of {counted(count, 'experiment')} failed.", "The same command does them again."
        )
        self.exit_code = max(error.exit_code for error in errors)


class Done(NamedTuple):
    """Results of the experiments of a command."""

    records: list[Record]
    findings: list[Findings]
    failure: BenchError | None
    """The error, or that of several; None where nothing failed."""
    failed: tuple[tuple[str, BenchError], ...] = ()
    """Name and error of each experiment that failed."""


def run_alone(ready: ProtocolRun) -> list[Record]:
    """Run an experiment in this process."""
    return ready.run()


def run_in_turn(work: Iterable[Work], wait: bool, run: Callable[[ProtocolRun], list[Record]] = run_alone) -> Done:
    """Run experiments one after the other; as one of several processes, only as long as none fails.

    Args:
        work: The experiments.
        wait: Wait for an experiment that another process does, and take what it leaves; else leave it out, and say so.
        run: Runs one.
    """
    todo = list(work)
    records: list[Record] = []
    findings: list[Findings] = []
    failed: list[tuple[str, BenchError]] = []
    for name, start in todo:
        if len(todo) > 1:
            console.print(f"{name}:", style="bold", markup=False)
        try:
            ready = attempt(start, wait)
            made = None if ready is None else attempt(partial(run, ready), wait)
        except BenchError as error:
            failed.append((name, error))
            if current().size > 1:
                break  # the others may not know of it
            if len(todo) > 1:
                console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
            continue
        if ready is not None and made is not None:
            records += made
            findings += filter(None, [ready.findings()])
    errors = [error for _, error in failed]
    alone = len(todo) == 1 or current().size > 1
    failure = None if not errors else errors[0] if alone else Failed(errors, len(todo))
    return Done(records, findings, failure, tuple(failed))


def attempt(work: Callable[[], Result], wait: bool) -> Result | None:
    """Return the result of some work, or None if another process does it and it is not waited for.

    Raises:
        BenchError: It failed; a fault of the machine is told as one.
    """
    while True:
        try:
            return work()
        except Claimed as claimed:
            if not wait:
                console.print(str(claimed), markup=False, soft_wrap=True)
                return None
            console.print(f"{claimed.message.removesuffix(HINT)} Waiting for it.", markup=False, soft_wrap=True)
            wait_for(claimed.path)
        except BenchError:
            raise
        except Exception as error:
            known = foreseen(error)
            if known is None:
                raise
            raise known from error


def shard(items: Sequence[Result], asked: str, environment: Mapping[str, str] = os.environ) -> list[Result]:
    """Return one of n parts of a list: every n-th item, from the i-th on.

    Args:
        items: The list.
        asked: ``i/n``, with i from 1 to n; or ``slurm``, for the task of an array job that this is.
        environment: Where SLURM says which task this is.

    Raises:
        UserError: It is not of that form, there is no such part, or this is no task of an array job.
    """
    if asked == "slurm":
        names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT")
        try:
            number, least, count = (int(environment[name]) for name in names)
        except (KeyError, ValueError):
            raise UserError("--shard slurm: this is no task of an array job of SLURM.", "Say --shard i/n.") from None
        return list(items[number - least :: count])
    part, slash, of = asked.partition("/")
    if not (slash and part.isascii() and part.isdigit() and of.isascii() and of.isdigit()):
        raise UserError(f"--shard {asked} is not of the form i/n.", "For the first of three parts say --shard 1/3.")
    if not 1 <= int(part) <= int(of):
        raise UserError(
            f"--shard {asked}: there is no part {int(part)} of {int(of)}.", f"Parts are 1/{of} to {of}/{of}."
        )
    return list(items[int(part) - 1 :: int(of)])
