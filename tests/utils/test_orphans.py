from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import os, sys, time
from pathlib import Path
import numpy as np
from tta_bench.data.features.cache import extract

class Slow:
    def __call__(self, path):
        Path(sys.argv[1], f"{os.getpid()}.pid").touch()
        if path.name == "b":
            time.sleep(60)
        return np.zeros((1, 1)), {}
    def identity(self):
        return {"what": "slow"}

folder = Path(sys.argv[1])
clips = {name: folder / name for name in "abcd"}
for name, path in clips.items():
    path.write_text(name)
extract(clips, Slow(), folder / "cache", 3, "slow")
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


FAMILY = """
import multiprocessing, os, sys, time
from tta_bench.utils.orphans import end_with_parent, offspring_awaited

def child(parent, pids):
    end_with_parent(parent)
    pids.put(os.getpid())
    time.sleep(60)

def head(pids):
    inner = multiprocessing.get_context("spawn").Process(target=child, args=(os.getpid(), pids))
    inner.start()
    time.sleep(60)

if __name__ == "__main__":
    with offspring_awaited():
        context = multiprocessing.get_context("spawn")
        pids = context.Queue()
        process = context.Process(target=head, args=(pids,))
        process.start()
        inner = pids.get(timeout=60)
        time.sleep(float(sys.argv[1]))
        process.kill()
        process.join()
    try:
        state = open(f"/proc/{inner}/stat").read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        state = "none"
    print(state)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes there")
@pytest.mark.parametrize("seconds", ["0", "0.7"])
def test_grandchildren_have_ended_after_the_block_that_waits_for_them(tmp_path: Path, seconds: str) -> None:
    program = tmp_path / "family.py"
    program.write_text(FAMILY)
    words = [sys.executable, "-Wignore", str(program), seconds]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() in {"none", "Z"}, done.stdout


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    if not Path("/proc/self/stat").exists():
        return
    parent = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stderr=subprocess.DEVNULL)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.monotonic() + 60
    while len(workers := [int(pid) for pid in children.read_text().split()]) < 3 or not list(tmp_path.glob("*.pid")):
        assert parent.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 20
    while any(map(alive, workers)):
        assert time.monotonic() < deadline, [pid for pid in workers if alive(pid)]
        time.sleep(0.1)
