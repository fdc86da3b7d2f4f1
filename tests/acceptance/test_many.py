"""Many experiments in one folder: several commands at once, shards of a list, and devices inside a local job.

``pytest -s`` prints a line of each.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tta_bench.records.store import load_records

pytestmark = [pytest.mark.acceptance, pytest.mark.long]
SHORT = ("protocol=ucf101_ft", "limit=8", "train.steps=2", "train.views=1", "train.batch=4", "runtime.plots=false")
W = ("protocol=ucf101_ft", "limit=40", "train.steps=8", "train.views=2", "train.batch=8", "train.mixup=0.8")


def at_once(work_dir: Path, *commands: tuple[str, ...]) -> list[str]:
    """Run commands at once in one work folder, and return all that each said."""
    work_dir.mkdir()
    started = []
    for number, words in enumerate(commands):
        said = (work_dir / f"{number}.said").open("w+")
        command = [sys.executable, "-m", "tta_bench", "run", *words, "--work-dir", str(work_dir)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        started.append((subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=environment), said))
    told = []
    for process, said in started:
        process.wait()
        said.seek(0)
        told.append(said.read())
        said.close()
        assert process.returncode == 0, told[-1]
    return told


def require_once(work_dir: Path, count: int, told: list[str]) -> None:
    """Check that there are so many records, and that the trainings of all were done once."""
    records = load_records(work_dir / "records")
    assert [record.status for record in records] == ["success"] * count
    assert len({record.identity.run_key for record in records}) == count
    logs = list(work_dir.glob("*/metrics.jsonl"))
    assert len(logs) == count
    assert all(log.read_bytes().count(b"\n") == 2 for log in logs)
    assert sum(len(re.findall(r"^preflight: ", text, re.MULTILINE)) for text in told) == count


def test_four_commands_at_once_do_each_training_once(tmp_path: Path) -> None:
    begun, runs = time.perf_counter(), tmp_path / "runs"
    told = at_once(runs, *[(*SHORT, "seed=0,1,2,3")] * 4)
    require_once(runs, 4, told)
    assert any("by another process" in text for text in told)
    print(f"\n| 4 x seed=0,1,2,3 at once | {time.perf_counter() - begun:.0f} s | 4 records, 4 trainings |", flush=True)


def test_three_shards_of_nine_experiments_do_all(tmp_path: Path) -> None:
    begun, runs = time.perf_counter(), tmp_path / "runs"
    words = (*SHORT, "seed=0,1,2,3,4,5,6,7,8", "--shard")
    told = at_once(runs, *[(*words, f"{part}/3") for part in (1, 2, 3)])
    require_once(runs, 9, told)
    assert all(f"shard {part}/3: 3 of 9 experiments." in text for part, text in enumerate(told, 1))
    print(f"\n| 3 shards of 9 | {time.perf_counter() - begun:.0f} s | 9 records, 9 trainings |", flush=True)


@pytest.mark.parametrize("parallel", ["1", "2"])
def test_local_jobs_have_processes_of_their_own(tmp_path: Path, parallel: str) -> None:
    begun, runs = time.perf_counter(), tmp_path / "runs"
    words = (*W, "train.cutmix=1", "runtime.micro_batch=4", "runtime.devices=2", "seed=0,1")
    (told,) = at_once(runs, (*words, "launcher=local", f"launcher.parallel={parallel}"))
    records = load_records(runs / "records")
    assert [record.status for record in records] == ["success"] * 2, told
    assert {record.identity.seed for record in records} == {0, 1}
    assert told.count(": done;") == 2
    print(
        f"\n| local, {parallel} at once, 2 devices each | {time.perf_counter() - begun:.0f} s | 2 records |", flush=True
    )
