"""One training on several processes of this machine, under torchrun's own agent; and its one end for the user."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

import torch

from tta_bench.engine.device import torch_threads
from tta_bench.engine.world import World, current
from tta_bench.errors import BenchError, RunFailed, UserError
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.common import RuntimeSettings
from tta_bench.experiments.effort import gmacs_of
from tta_bench.plugins import MODULE_PREFIX
from tta_bench.protocols.base.plan import order_line, plan_text
from tta_bench.protocols.base.protocol_run import ProtocolRun
from tta_bench.protocols.base.rank import Outcome, Task, name_of, outcome_of, serve
from tta_bench.protocols.base.shared_run import SharedRun, done_before
from tta_bench.records.schema import Record
from tta_bench.records.store import read_record
from tta_bench.registry import BACKBONES
from tta_bench.utils.orphans import offspring_awaited
from tta_bench.utils.signals import Interrupted, one_signal

SMALL = 0.1
"""Multiply-adds of a view, in units of 10^9, below which threads gain nothing."""
SHUTDOWN_SECONDS = 300
"""Time that processes have for the step under way and a checkpoint, once they are asked to stop."""
TRACKER = "ignore::UserWarning:multiprocessing.resource_tracker"
"""Option that keeps Python from complaining of what a killed process left, which it removes."""


def run_shared(ready: ProtocolRun) -> list[Record]:
    """Run an experiment on the processes that it asks for, or as one of those that a launcher started.

    Raises:
        BenchError: The user's mistake, or a run that ended in ``error``.
        Interrupted: A signal asked for a stop.
    """
    world, runtime = current(), ready.experiment.runtime
    if runtime.memory is not None:
        raise UserError(f"runtime.memory={runtime.memory} is for plans alone.", "Add --dry-run, or leave it out.")
    if world.size > 1:
        return as_one_of(ready, world)
    count = processes_wanted(runtime)
    if count > 1:
        return launch(ready, count)
    with torch_threads(threads_of(ready.experiment)):
        return ready.run()


def threads_of(experiment: Experiment, processes: int = 1) -> int:
    """Threads of a process of an experiment: those asked for, else one for a small network, or beside other processes.

    Threads of a small network wait for each other more than they compute. On idle cores they gain nothing; on busy ones
    a step takes ten times as long.
    """
    views = [gmacs_of(card, clip.frames, clip.size) for card, clip in experiment.clips_to_check()]
    small = bool(views) and sum(SMALL if gmacs is None else gmacs for gmacs in views) < SMALL
    one = (small or processes > 1) and not torch.cuda.is_available()
    return experiment.runtime.threads or (1 if one else torch.get_num_threads())


def plan_shared(ready: ProtocolRun) -> str:
    """Return the plan of an experiment, which is refused where the run would be for the processes that it asks for.

    Raises:
        UserError: The protocol cannot share its work, there are fewer GPUs, or more processes than parts of a step.
        BenchError: Whatever the plan raises.
    """
    if ready.experiment.runtime.memory is not None:
        return ready.plan_on_paper()
    count = processes_wanted(ready.experiment.runtime)
    if count > 1:
        _shareable(ready).require_parts(count)
    order = order_line(ready.experiment.runtime)
    with torch_threads(threads_of(ready.experiment, count)):
        return "\n".join(filter(None, [ready.plan(), plan_text(order)]))


def processes_wanted(runtime: RuntimeSettings) -> int:
    """Return the number of processes that settings ask for.

    Raises:
        UserError: There are fewer GPUs, or one GPU was named.
    """
    present = 0 if runtime.device == "cpu" else torch.cuda.device_count()
    count = max(1, present) if runtime.devices == "all" else runtime.devices
    if count > 1 and runtime.device.startswith("cuda:"):
        raise UserError(f"runtime.device={runtime.device} is one GPU, and runtime.devices={count}.", "Say only one.")
    if present and count > present:
        raise UserError(
            f"runtime.devices={count}: this machine has {present} GPU{'s' * (present > 1)}.",
            f"Say runtime.devices={present} or all.",
        )
    return count


def require_agreement(experiment: Experiment, launched: int) -> None:
    """Refuse ``runtime.devices`` that disagrees with a launcher.

    Raises:
        UserError: It does.
    """
    asked = experiment.runtime.devices
    if launched > 1 and asked not in (1, launched):
        raise UserError(
            f"torchrun started {launched} processes and runtime.devices={asked} was said.",
            "Leave out runtime.devices under torchrun.",
        )


def as_one_of(ready: ProtocolRun, world: World) -> list[Record]:
    """Run an experiment as one of several processes: the first prepares, then all find everything ready.

    Raises:
        UserError: The protocol cannot share its work, or something else that any process would refuse.
    """
    torch.set_num_threads(threads_of(ready.experiment, world.size))
    if not world.from_first(lambda: ready.prepare() is not None):
        refuse(ready.experiment)
    ready.prepare()
    return ready.run()


def refuse(experiment: Experiment) -> NoReturn:
    """Refuse to share the work of a protocol that cannot.

    Raises:
        UserError: Always.
    """
    raise UserError(
        f"{experiment.protocol.name} runs on one process.",
        "Leave out runtime.devices, or torchrun; several experiments are shared with --shard i/n.",
    )


def launch(ready: ProtocolRun, count: int) -> list[Record]:
    """Run an experiment on several processes of this machine.

    Raises:
        BenchError: Whatever a process refuses, or a run that ended in ``error``: one message for all of them.
        Interrupted: A signal asked for a stop; a checkpoint is left.
    """
    experiment, run = ready.experiment, _shareable(ready)
    finished = done_before(run)
    if finished is not None:
        return [finished]
    run.require_parts(count)
    with tempfile.TemporaryDirectory() as told:
        task = Task(
            words=experiment.arguments,
            named=name_of(experiment),
            plugins=tuple(plugin_files()),
            work_dir=run.work_dir,
            resume=ready.resume,
            told=Path(told),
            logs=run.folder / "ranks",
            threads=experiment.runtime.threads,
        )
        signum, failed, exit_code = _start(task, count)
        outcomes = [outcome_of(task.told, rank) for rank in range(count)]
    return _end(run, outcomes, signum, failed, exit_code)


def _shareable(ready: ProtocolRun) -> SharedRun:
    """Return a run that several processes can share.

    Raises:
        UserError: They cannot.
    """
    if isinstance(BACKBONES.module_dict.get(ready.experiment.backbone.component), partial):
        raise UserError("a module given from Python runs on one process.", "Put it into a plug-in file.")
    run: SharedRun | None = ready.prepare()
    if run is None:
        refuse(ready.experiment)
    return run


def plugin_files() -> Iterator[Path]:
    """Yield the plug-in files that this process has imported."""
    for name, module in tuple(sys.modules.items()):
        if name.startswith(MODULE_PREFIX) and module.__file__ is not None:
            yield Path(module.__file__)


def _start(task: Task, count: int) -> tuple[int, int | None, int]:
    """Run the processes to their end.

    Returns:
        The signal that this process was sent, 0 for none; the process that failed first, and its exit code.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    if TRACKER not in sys.warnoptions:
        sys.warnoptions.append(TRACKER)  # handed on to the process that cleans up behind killed ones
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        start_method="spawn",
        logs_specs=DefaultLogsSpecs(log_dir=str(task.told / "agent")),
        signals_to_handle="",  # `one_signal` takes them
        shutdown_timeout=SHUTDOWN_SECONDS,
    )

    def stop(number: int) -> SignalException:
        return SignalException("", signal.Signals(number))

    try:
        with _quiet_agent(), one_signal(stop), offspring_awaited():
            try:  # here, for what an error still holds would be cleared away while offspring is awaited
                elastic_launch(config, serve)(task)
            except SignalException as stopped:
                return int(stopped.sigval), None, 0
            except ChildFailedError as failure:
                rank, first = failure.get_first_failure()
                return 0, rank, first.exitcode
    except SignalException as stopped:  # in the wait
        return int(stopped.sigval), None, 0
    except Interrupted as stopped:  # before the agent begins
        return stopped.signum, None, 0
    return 0, None, 0


@contextmanager
def _quiet_agent() -> Iterator[None]:
    """Keep torchrun's agent from speaking to the user."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(disabled)


def _end(
    run: SharedRun, outcomes: list[Outcome | None], signum: int, failed: int | None, exit_code: int
) -> list[Record]:
    """Return the records of a run, or raise the one error or stop of all its processes."""
    first = outcomes[0]
    last = first if failed is None else outcomes[failed]
    signum = signum or (0 if last is None else last.signum)
    if signum:
        said = "" if first is None else first.said
        raise Interrupted(signum, *filter(None, [said]))
    if failed is None:
        assert first is not None
        return first.records
    error = None if last is None else last.error
    if error is None:
        raise _recorded(run, _killed(run, failed, exit_code))
    if failed and not isinstance(error, UserError):
        error = RunFailed(f"rank {failed} failed: {error.message}", error.hint or _log(run, failed))
    raise _recorded(run, error) if failed else error


def _killed(run: SharedRun, rank: int, exit_code: int) -> RunFailed:
    """Return the error for a process that ended without a word."""
    where, goes_on = run.reached()
    how = f"ended with exit code {exit_code}" if exit_code >= 0 else f"was killed ({signal.Signals(-exit_code).name})"
    memory = ": out of memory, perhaps" if exit_code == -signal.SIGKILL else ""
    return RunFailed(f"rank {rank} {how}{where}{memory}.", f"{goes_on} {_log(run, rank)}")


def _log(run: SharedRun, rank: int) -> str:
    path = run.folder / "ranks" / f"{rank}.log"
    return f"Its log: {path}." if path.is_file() else ""


def _recorded(run: SharedRun, error: BenchError) -> BenchError:
    """Return an error after writing it into the record, if the run had begun one that is no success."""
    recorder = run.recorder()
    with suppress(BenchError):
        if recorder.path.is_file() and read_record(recorder.path).status != "success":
            recorder.fail(error.message)
    return error
