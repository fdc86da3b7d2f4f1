"""Runs that are killed or stopped, and the same command again; see `tests.acceptance.kills`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for orphans there")]
LONG = pytest.mark.long


def told(*words: object) -> str:
    """Run the program in a process of its own, which has used no threads before it forks, and return its last line."""
    command = [sys.executable, "-m", "tests.acceptance.kills", *map(str, words)]
    environment, top = os.environ | {"OMP_NUM_THREADS": "1"}, Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, env=environment, cwd=top)
    print(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("count", [5, pytest.param(50, marks=LONG)])
def test_runs_killed_at_random_moments_end_equal_and_leave_nothing(tmp_path: Path, count: int) -> None:
    assert told(tmp_path, "kills", count) == f"{count} of {count} equal, {count} of {count} with nothing left over"


@pytest.mark.parametrize("count", [2, pytest.param(20, marks=LONG)])
def test_frozen_runs_killed_at_random_moments_end_equal_and_leave_nothing(tmp_path: Path, count: int) -> None:
    last = told(tmp_path, "kills", count, 0, "frozen")
    assert last == f"{count} of {count} equal, {count} of {count} with nothing left over"


@pytest.mark.parametrize("count", [2, pytest.param(10, marks=LONG)])
def test_signals_end_in_a_checkpoint_and_the_same_command_goes_on(tmp_path: Path, count: int) -> None:
    assert told(tmp_path, "stops", count) == f"{count} of {count} stopped cleanly and ended equal"
