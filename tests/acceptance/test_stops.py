"""Signals and deaths among the processes of one training: how soon it ends, in which words, and what goes on.

``pytest -s`` prints a line of each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.test_processes import MIXED, ran, require_equal
from tta_bench.records.store import load_records

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes there"),
]
WORDS = ("protocol=ucf101_ft", *MIXED, "runtime.workers=2")
SIGNALLED_AFTER = 6


class Ended(NamedTuple):
    """The end of a run that was sent a signal."""

    code: int
    seconds: float
    """Time from the signal to the end of the command."""
    said: list[str]
    """Lines on stderr after the signal."""
    left: list[int]
    """Processes of it that are there still."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run, in the folder ``1``."""
    folder = tmp_path_factory.mktemp("undisturbed") / "1"
    done = ran(folder, *WORDS, "runtime.threads=1")
    assert done.returncode == 0, done.stderr
    return folder


def members(session: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


def signalled(folder: Path, devices: int, number: int, rank: int | None) -> Ended:
    """Run, send a signal in the seventh step to one rank, or to the whole group, and wait for the end."""
    command = [sys.executable, "-m", "tta_bench", "run", *WORDS, "runtime.threads=1", f"runtime.devices={devices}"]
    heard = folder.with_suffix(".stderr")
    with heard.open("w") as stderr:
        process = subprocess.Popen(
            [*command, "--work-dir", str(folder)], stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
        )
    try:
        while sum(path.read_bytes().count(b"\n") for path in folder.glob("*/metrics.jsonl")) < SIGNALLED_AFTER:
            assert process.poll() is None, heard.read_text()
            time.sleep(0.01)
        before, begun = heard.stat().st_size, time.perf_counter()
        if rank is None:
            os.killpg(process.pid, number)
            time.sleep(0.2)
            os.kill(process.pid, number)  # schedulers send it to the group and to the command itself
        else:
            os.kill(ranks(process.pid)[rank], number)
        code = process.wait(120)
        seconds = time.perf_counter() - begun
        return Ended(code, seconds, heard.read_text()[before:].splitlines(), members(process.pid))
    finally:
        for left in members(process.pid):
            os.kill(left, signal.SIGKILL)


def ranks(parent: int) -> list[int]:
    """Return the processes of a training in the order of their ranks, in which its command started them."""
    started = []
    for child in members(parent):
        above = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
        if above == parent and b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            started.append(child)
    return sorted(started)


@pytest.mark.parametrize(("devices", "rank"), [(1, None), (2, None), (2, 1), (2, 0)])
def test_sigterm_ends_in_a_checkpoint_and_another_number_of_processes_goes_on(
    tmp_path: Path, undisturbed: Path, devices: int, rank: int | None
) -> None:
    folder = tmp_path / "run"
    ended = signalled(folder, devices, signal.SIGTERM, rank)
    print(f"\n| SIGTERM to {'all' if rank is None else f'rank {rank}'} of {devices} | {ended}", flush=True)
    (record,) = load_records(folder / "records")
    assert (ended.code, record.status, ended.left) == (143, "cancelled", [])
    assert next(iter(folder.glob("*/checkpoint.pt")), None)
    assert len(ended.said) <= 5
    assert ended.seconds < 15
    again = ran(folder, *WORDS, "runtime.threads=1", f"runtime.devices={3 - devices}")
    assert again.returncode == 0, again.stderr
    require_equal(undisturbed, folder)


def test_a_killed_rank_ends_the_run_in_a_few_words(tmp_path: Path, undisturbed: Path) -> None:
    folder = tmp_path / "run"
    ended = signalled(folder, 2, signal.SIGKILL, 1)
    print(f"\n| SIGKILL to rank 1 of 2 | {ended}", flush=True)
    (record,) = load_records(folder / "records")
    assert (ended.code, record.status, ended.left) == (3, "error", [])
    assert "rank 1 was killed (SIGKILL) in step" in "\n".join(ended.said)
    assert len(ended.said) <= 5
    assert ended.seconds < 20
    again = ran(folder, *WORDS, "runtime.threads=1", "runtime.devices=2")
    assert again.returncode == 0, again.stderr
    require_equal(undisturbed, folder)
