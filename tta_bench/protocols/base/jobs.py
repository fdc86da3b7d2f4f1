"""Experiments as jobs: processes of this machine, or one array of a SLURM cluster, each a ``tta-bench run --shard``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import FrameType
from typing import Any

from tta_bench.cards.validation import validate_keys
from tta_bench.config.overrides import Launcher, parse, section
from tta_bench.errors import RunFailed, UserError
from tta_bench.experiments.common import LauncherSettings
from tta_bench.utils.printable import counted
from tta_bench.utils.progress import console
from tta_bench.utils.signals import SIGNALS, one_signal, take_signals

MINUTES = {"m": 1, "h": 60, "d": 24 * 60}
SECONDS_TO_SAVE = 120
"""Time before the end of a job at which SLURM asks it to save."""
LOOK_SECONDS = 0.5
"""Time between looks at the commands that run here."""
PREEMPTED = 128 + signal.SIGUSR2
"""Exit code of a run that saved because its job ends before it does."""


def launcher_of(words: Sequence[str]) -> tuple[Launcher, LauncherSettings]:
    """Return the launcher that words ask for, and its settings.

    Raises:
        UserError: A setting is wrong, is given without a launcher, or asks for more than one machine.
    """
    given = parse(words)
    kind: Launcher = given.get("launcher", "none")
    asked = section(given, "launcher")
    settings = validate_keys(LauncherSettings, asked, "launcher.")
    if asked and kind == "none":
        raise UserError(f"launcher.{next(iter(asked))} is given without a launcher.", "Say launcher=slurm or local.")
    if settings.nodes > 1:
        raise UserError(
            f"launcher.nodes={settings.nodes}: a training takes one machine here.",
            "Many experiments are spread over many machines by launcher.parallel.",
        )
    return kind, settings


def launch(
    kind: Launcher, settings: LauncherSettings, words: Sequence[str], options: Sequence[str], count: int, work_dir: Path
) -> None:
    """Run experiments as processes of this machine, or submit them to SLURM, and say how to follow them.

    Args:
        kind: The launcher.
        settings: Its settings.
        words: ``key=value`` words that ask for the experiments.
        options: Options of ``tta-bench run``.
        count: Number of experiments.
        work_dir: Folder of all runs; logs go to ``jobs`` in it.

    Raises:
        BenchError: SLURM refuses the job, or experiments failed here.
    """
    todo, folder = commands(words, options, count), work_dir / "jobs"
    if kind == "local":
        run_here(todo, settings.parallel or 1, folder)
        return
    job = submit_to_slurm(todo, settings, folder)
    console.print(
        f"job {job}: {counted(count, 'experiment')}, a task each; scripts and logs in {folder}.", markup=False
    )
    console.print(f"How they go: tta-bench list runs --work-dir {work_dir}", markup=False)


def commands(words: Sequence[str], options: Sequence[str], count: int) -> list[list[str]]:
    """Return the command of each experiment: the same words without the launcher's, and its shard.

    Args:
        words: ``key=value`` words.
        options: Options of ``tta-bench run``.
        count: Number of experiments.
    """
    kept = [word for word in words if word.partition("=")[0].partition(".")[0].strip() != "launcher"]
    program = [sys.executable, "-m", "tta_bench", "run"]
    return [[*program, *kept, *options, "--shard", f"{number}/{count}"] for number in range(1, count + 1)]


def run_here(todo: Sequence[Sequence[str]], parallel: int, logs: Path) -> None:
    """Run commands on this machine, some at once, each with a log of its own.

    Raises:
        RunFailed: Some failed; names their logs.
    """
    logs.mkdir(parents=True, exist_ok=True)
    running: list[subprocess.Popen[bytes]] = []
    stopping = threading.Event()

    def run(job: tuple[int, Sequence[str]]) -> tuple[Path, int]:
        log = logs / f"{job[0]}.log"
        if stopping.is_set():
            return log, 128 + signal.SIGTERM
        with log.open("wb") as file:
            process = subprocess.Popen(job[1], stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            running.append(process)
            if stopping.is_set():  # whoever stops has looked at those that run before this one was among them
                process.terminate()
            code = process.wait()
        console.print(f"{job[0]} of {len(todo)}: {ending(code)}; {log}", markup=False, soft_wrap=True)
        return log, code

    with one_signal(), ThreadPoolExecutor(parallel) as pool:
        try:
            jobs = [pool.submit(run, job) for job in enumerate(todo, 1)]
            while wait(jobs, LOOK_SECONDS).not_done:
                pass  # a signal just before a wait is heard after it
            ended = [job.result() for job in jobs]
        except BaseException:
            stopping.set()
            for process in running:
                process.terminate()  # each saves, and goes on with the same command
            raise
    failed = [str(log) for log, code in ended if code != 0]
    if failed:
        raise RunFailed(
            f"{len(failed)} of {counted(len(todo), 'experiment')} failed. Their logs: {', '.join(failed[:5])}.",
            "The same command does them again.",
        )


def ending(code: int) -> str:
    """Return the end of a command in words.

    Args:
        code: Its exit code; negative for a signal that ended it before it could listen, while it started.
    """
    number = -code if code < 0 else code - 128
    if number in SIGNALS:
        return f"stopped by {signal.Signals(number).name}"
    if code == -signal.SIGKILL:
        return "killed (SIGKILL): out of memory, perhaps"
    return f"exit code {code}" if code else "done"


def submit_to_slurm(todo: Sequence[Sequence[str]], settings: LauncherSettings, folder: Path) -> str:
    """Submit commands as one array job and return its number.

    Args:
        todo: A command of each task.
        settings: The options of the job.
        folder: Folder of the job's script and logs, which every machine sees.

    Raises:
        UserError: SLURM or submitit is not here, or SLURM refuses the job.
    """
    try:
        import submitit
    except ImportError:
        submitit = None
    if submitit is None or shutil.which("sbatch") is None:
        raise UserError("launcher=slurm needs sbatch on this machine and pip install 'tta-bench[slurm]'.")
    folder.mkdir(parents=True, exist_ok=True)
    executor = submitit.SlurmExecutor(folder=folder.resolve(), max_num_timeout=1000)
    executor.update_parameters(**_sbatch(settings))
    try:
        jobs = executor.map_array(task, todo)
    except submitit.core.utils.FailedJobError as error:
        raise UserError(f"SLURM refuses the job: {' '.join(str(error).split())[:300]}") from None
    return str(jobs[0].job_id).partition("_")[0]


def _sbatch(settings: LauncherSettings) -> dict[str, Any]:
    """Return the options of a job in submitit's names; those that were not given are left to SLURM."""
    asked: dict[str, Any] = {
        "job_name": "tta-bench",
        "nodes": settings.nodes,
        "ntasks_per_node": 1,
        "signal_delay_s": SECONDS_TO_SAVE,
        "partition": settings.partition,
        "account": settings.account,
        "array_parallelism": settings.parallel,
        "cpus_per_task": settings.cpus,
        "mem": settings.memory,
        "setup": [settings.setup] if settings.setup else None,
        "additional_parameters": dict(settings.extra) | {"requeue": True},
    }
    if settings.time is not None:
        asked["time"] = int(settings.time[:-1]) * MINUTES[settings.time[-1]]
    asked = {name: value for name, value in asked.items() if value is not None}
    return {"time": None, **asked}  # submitit would let a job run for 5 minutes only


def task(command: Sequence[str]) -> int:
    """Be one task of an array: run a command, hand signals on to it, and queue again what saved before its end.

    submitit's own handler would queue the task again in the middle of a step; so the signals are taken over here.

    Raises:
        RunFailed: The command failed.
    """
    process = subprocess.Popen(command, start_new_session=True)

    def hand_on(number: int, _: FrameType | None) -> None:
        if process.poll() is None:
            process.send_signal(number)

    take_signals(hand_on)
    code = process.wait()
    if code == PREEMPTED:
        job = os.environ["SLURM_JOB_ID"]
        if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
            job = f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
        subprocess.run(["scontrol", "requeue", job], check=True)
        return code
    if code:
        raise RunFailed(f"the run ended with exit code {code}.")
    return code
