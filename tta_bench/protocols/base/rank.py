"""One process of a training on several: joins the others, runs, and leaves word of its end to the one that started it."""

from __future__ import annotations

import os
import pickle
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tta_bench.errors import BenchError, RunFailed
from tta_bench.records.schema import Record
from tta_bench.utils.files import write_atomic
from tta_bench.utils.progress import console

LINGER_SECONDS = 20.0
"""Time for which a process that has lost another waits to be ended, so that the other one's end is seen first."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """An experiment for several processes."""

    experiment: bytes
    """The experiment, pickled: its classes may be a plug-in's."""
    plugins: tuple[Path, ...]
    """Plug-in files to import before."""
    folders: tuple[Path, ...]
    """Folders of the user's cards."""
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


def outcome_of(folder: Path, rank: int) -> Outcome | None:
    """Return the end of a process; None where it left no word."""
    path = folder / f"{rank}.outcome"
    if not path.is_file():
        return None
    outcome = pickle.loads(path.read_bytes())  # noqa: S301 - written by a process of this run, in a folder of its own
    assert isinstance(outcome, Outcome)
    return outcome


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
        outcome, code, lost = Outcome(error=error), error.exit_code or 3, isinstance(error, PeerLost)
    except BaseException as error:
        traceback.print_exc()
        outcome, code = Outcome(error=RunFailed(f"the run failed: {type(error).__name__}: {error}")), 3
    write_atomic(task.told / f"{rank}.outcome", pickle.dumps(outcome))
    if lost:
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
    from tta_bench.cards.files import registry_folders, use_folder
    from tta_bench.engine.world import join
    from tta_bench.protocols import load_protocol
    from tta_bench.protocols.base.launch import as_one_of
    from tta_bench.registry import load_files

    for folder in task.folders:
        if folder not in registry_folders():
            use_folder(folder)
    load_files(task.plugins)
    experiment = pickle.loads(task.experiment)  # noqa: S301 - of the process that started this one
    world = join()
    protocol = load_protocol(experiment.protocol.component)
    return as_one_of(protocol(experiment, task.work_dir, task.resume), world)
