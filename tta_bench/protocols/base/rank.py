"""One process of a training on several: joins the others, runs, and leaves word of its end to whoever started it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tta_bench.errors import BenchError, RunFailed, UserError
from tta_bench.experiments.base import Experiment
from tta_bench.records.claims import HINT, Claimed
from tta_bench.records.schema import Record
from tta_bench.utils.files import write_atomic
from tta_bench.utils.progress import console

LINGER_SECONDS = 10.0
"""Time for which a process that has lost another waits to be ended, so that the other one's end is seen first.

It does not wait where the signal that ends it has come already: the other one's end was seen, or the signal not sent.
"""


@dataclass(frozen=True, kw_only=True)
class Task:
    """An experiment for several processes."""

    words: tuple[str, ...]
    """The user's ``key=value`` words, of which it is one of the experiments."""
    named: tuple[str, int, int]
    """Its name among them; see `name_of`."""
    plugins: tuple[Path, ...]
    """Plug-in files to import before."""
    work_dir: Path
    resume: str
    told: Path
    """Folder in which each process leaves word of its end."""
    logs: Path
    """Folder of the output of all processes but the first."""
    threads: int | None
    """Threads of a process."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a process."""

    records: list[Record] = field(default_factory=list)
    error: BenchError | None = None
    signum: int = 0
    """Signal that asked for a stop."""
    said: str = ""
    """Text about the stop."""


def name_of(experiment: Experiment) -> tuple[str, int, int]:
    """Return backbone, split and seed, which tell the experiments of a command apart."""
    return experiment.backbone.name, experiment.split, experiment.seed


def outcome_of(folder: Path, rank: int) -> Outcome | None:
    """Return the end of a process; None where it left no word."""
    path = folder / f"{rank}.json"
    if not path.is_file():
        return None
    told = json.loads(path.read_text(encoding="utf-8"))
    error = told["error"] and _error(**told["error"])
    return Outcome(
        records=[Record.model_validate_json(text) for text in told["records"]],
        error=error,
        signum=told["signum"],
        said=told["said"],
    )


def leave_word(outcome: Outcome, folder: Path, rank: int) -> None:
    """Write the end of a process, for `outcome_of`."""
    error = outcome.error and {
        "message": outcome.error.message,
        "hint": outcome.error.hint,
        "exit_code": outcome.error.exit_code,
        "claim": str(outcome.error.path) if isinstance(outcome.error, Claimed) else None,
    }
    records = [record.model_dump_json() for record in outcome.records]
    told = {"records": records, "error": error, "signum": outcome.signum, "said": outcome.said}
    write_atomic(folder / f"{rank}.json", json.dumps(told).encode())


def _error(message: str, hint: str, exit_code: int, claim: str | None) -> BenchError:
    if claim is not None:
        return Claimed(message.removesuffix(HINT), Path(claim))
    return UserError(message, hint) if exit_code == UserError.exit_code else RunFailed(message, hint)


def serve(task: Task) -> None:
    """Run a task as the process that the environment says, and exit with its code."""
    from tta_bench.engine.stop import Stopped
    from tta_bench.engine.world import PeerLost, current
    from tta_bench.utils.orphans import end_with_parent
    from tta_bench.utils.signals import ignore_signals, interrupt_on_signals

    rank = int(os.environ["RANK"])
    end_with_parent(os.getppid())
    lost = False
    try:
        interrupt_on_signals()
        if rank:
            speak_to(task.logs / f"{rank}.log")
        outcome, code = Outcome(records=_run(task)), 0
        current().leave()
    except KeyboardInterrupt as stop:
        ignore_signals()  # launchers repeat them
        outcome = Outcome(signum=getattr(stop, "signum", 2), said=str(stop))
        code = 128 + outcome.signum
        if isinstance(stop, Stopped):  # all processes stop after the same step
            current().leave()
    except BenchError as error:
        outcome, code = Outcome(error=error), error.exit_code or 3
        lost = isinstance(error, PeerLost) and not error.asked
    except BaseException as error:
        traceback.print_exc()
        outcome, code = Outcome(error=RunFailed(f"the run failed: {type(error).__name__}: {error}")), 3
    leave_word(outcome, task.told, rank)
    if lost:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(LINGER_SECONDS)
    if code:
        sys.stderr.flush()
        os._exit(code)  # at once: loader processes, which have been told to stop too, end by themselves


def speak_to(path: Path) -> None:
    """Let this process's output go to a file, and its progress nowhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for number in (1, 2):
        os.dup2(file, number)
    os.close(file)
    console.quiet = True


def _run(task: Task) -> list[Record]:
    """Join the other processes and run the experiment."""
    from tta_bench.config.resolve import resolve
    from tta_bench.engine.world import join
    from tta_bench.protocols import load_protocol
    from tta_bench.protocols.base.launch import as_one_of
    from tta_bench.registry import load_files

    chosen = resolve(task.words, load_files(task.plugins))
    (experiment,) = (each for each in chosen if name_of(each) == task.named)
    world = join()
    protocol = load_protocol(experiment.protocol.component)
    return as_one_of(protocol(experiment, task.work_dir, task.resume), world)
