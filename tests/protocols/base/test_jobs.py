from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import submitit

from tta_bench.errors import RunFailed, UserError
from tta_bench.protocols.base import jobs
from tta_bench.protocols.base.jobs import _sbatch, commands, ending, launcher_of, run_here, submit_to_slurm, task

WORDS = ("protocol=ucf101_ft", "seed=0,1")


def test_settings_of_a_launcher_are_read_and_become_options_of_sbatch() -> None:
    kind, settings = launcher_of(
        [*WORDS, "launcher=slurm", "launcher.time=2d", "launcher.memory=64GB", "launcher.extra.gpus-per-node=8"]
    )
    options = _sbatch(settings)
    assert kind == "slurm"
    assert options["time"] == 2 * 24 * 60
    assert options["additional_parameters"] == {"gpus-per-node": "8", "requeue": True}
    assert "partition" not in options
    assert launcher_of(WORDS)[0] == "none"
    script = submitit.slurm.slurm._make_sbatch_string(
        command="x", folder="f", **_sbatch(settings.model_copy(update={"time": None}))
    )
    assert "--time" not in script
    assert "#SBATCH --gpus-per-node=8" in script


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("launcher.time=2", "launcher.time"),
        ("launcher.time=24hours", "launcher.time"),
        ("launcher.nodes=2", "one machine"),
        ("launcher=slrum", "slurm"),
        ("launcher.extra=x", "launcher.extra.OPTION"),
        ("launcher.partitoin=gpu", "launcher.partition"),
    ],
)
def test_wrong_settings_are_refused(word: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        launcher_of([*WORDS, *([] if word.startswith("launcher=") else ["launcher=slurm"]), word])
    assert said in str(refused.value)


def test_settings_without_a_launcher_are_refused() -> None:
    with pytest.raises(UserError, match="without a launcher"):
        launcher_of([*WORDS, "launcher.partition=gpu"])


def test_each_experiment_is_the_same_command_with_its_shard() -> None:
    first, second = commands([*WORDS, "launcher=slurm", "launcher.time=1h"], ["--wait"], 2)
    assert first[3:] == ["run", *WORDS, "--wait", "--shard", "1/2"]
    assert second[-1] == "2/2"


def test_no_sbatch_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="needs sbatch on this machine and pip install"):
        submit_to_slurm([["true"]], launcher_of([*WORDS, "launcher=slurm"])[1], tmp_path / "jobs")
    assert not (tmp_path / "jobs").exists()


@pytest.mark.parametrize("parallel", [1, 3])
def test_here_every_command_is_run_and_failures_name_their_logs(tmp_path: Path, parallel: int) -> None:
    todo = [[sys.executable, "-c", f"print({number}); raise SystemExit({number == 2})"] for number in (1, 2, 3)]
    with pytest.raises(RunFailed) as failed:
        run_here(todo, parallel, tmp_path)
    assert "1 of 3" in str(failed.value)
    assert str(tmp_path / "2.log") in str(failed.value)
    assert [(tmp_path / f"{number}.log").read_text() for number in (1, 2, 3)] == ["1\n", "2\n", "3\n"]


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_command_that_starts_in_the_moment_of_a_stop_is_stopped_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parallel: int
) -> None:
    start, ident = subprocess.Popen, threading.main_thread().ident
    assert ident is not None

    def late(*words: Any, **options: Any) -> Any:
        signal.pthread_kill(ident, signal.SIGINT)
        time.sleep(0.3)
        return start(*words, **options)

    monkeypatch.setattr(jobs.subprocess, "Popen", late)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_here([[sys.executable, "-c", "import time; time.sleep(30)"]] * parallel, parallel, tmp_path)
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "done"),
        (3, "exit code 3"),
        (143, "stopped by SIGTERM"),
        (-signal.SIGTERM, "stopped by SIGTERM"),
        (130, "stopped by SIGINT"),
        (-signal.SIGKILL, "killed (SIGKILL): out of memory, perhaps"),
        (-signal.SIGSEGV, "exit code -11"),
    ],
)
def test_the_end_of_a_command_is_told_in_words(code: int, said: str) -> None:
    assert ending(code) == said


def test_a_task_that_saved_is_queued_again_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scontrol = tmp_path / "scontrol"
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(jobs, "take_signals", lambda _: {})
    for name, value in {"SLURM_JOB_ID": "8", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1"}.items():
        monkeypatch.setenv(name, value)
    assert task(["sh", "-c", "exit 0"]) == 0
    with pytest.raises(RunFailed, match="143"):
        task(["sh", "-c", "exit 143"])
    assert not (tmp_path / "said").exists()
    task(["sh", "-c", f"exit {jobs.PREEMPTED}"])
    assert (tmp_path / "said").read_text() == "requeue 7_1\n"
