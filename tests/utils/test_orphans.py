from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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
