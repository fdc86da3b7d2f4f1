"""Table of the peak memory of ``tta-bench run --dry-run`` for cards of backbones: of a run's whole tree of processes.

python benchmarks/dry_run_memory.py [--limit-gb 9] [--protocol ucf101_ft] [--seconds 300] [NAME ...]

One after the other; without names, all of ``tta-bench list backbones``. ``--limit-gb`` limits each process's address
space, as ``ulimit -v`` does: then a line is expected, or a run, and never a kill. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "tta_bench"]
PAGE = resource.getpagesize()


def cards() -> list[str]:
    """Return the name of each card that stands for one backbone."""
    text = subprocess.run([*COMMAND, "list", "backbones", "--json"], capture_output=True, check=True, text=True).stdout
    return [row["name"] for row in json.loads(text)["backbones"] if "<" not in row["name"]]


def resident(group: int) -> int:
    """Return the bytes that the processes of a process group hold: shared pages count once for each process."""
    held = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if os.getpgid(int(folder.name)) == group:
                    held += int((folder / "statm").read_text().split()[1]) * PAGE
            except (OSError, ValueError, IndexError):
                continue  # it ended meanwhile
    return held


def measure(words: list[str], seconds: float, limit: int | None) -> tuple[int, int, str]:
    """Return the peak in bytes, the exit code and the line that says why a command failed.

    Args:
        words: The command line.
        seconds: Longest time; then it is stopped.
        limit: Bytes of address space of each process; None for no limit.
    """

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    with tempfile.TemporaryFile("w+") as output:
        started = subprocess.Popen(
            words, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=limited
        )
        peak, end = 0, time.monotonic() + seconds
        while started.poll() is None:
            peak = max(peak, resident(started.pid))
            if time.monotonic() > end:
                os.killpg(started.pid, signal.SIGKILL)
                started.wait()
                return peak, started.returncode, f"stopped after {seconds:.0f} s"
            time.sleep(0.05)
        output.seek(0)
        lines = [line for line in output.read().splitlines() if line.startswith(("error:", "training", "memory"))]
    return peak, started.returncode, " / ".join(lines)[:300]


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--protocol", default="ucf101_ft")
    parser.add_argument("--limit-gb", type=float)
    parser.add_argument("--seconds", type=float, default=300)
    asked = parser.parse_args()
    limit = None if asked.limit_gb is None else int(asked.limit_gb * 1e9)
    print("| backbone | peak, GB | s | exit | said |\n|---|---|---|---|---|")
    for name in asked.names or cards():
        with tempfile.TemporaryDirectory() as work:
            words = [f"protocol={asked.protocol}", f"backbone={name}", "weights=none", "tier=sample", "--dry-run"]
            begun = time.monotonic()
            peak, code, said = measure([*COMMAND, "run", *words, "--work-dir", work], asked.seconds, limit)
        print(f"| {name} | {peak / 1e9:.2f} | {time.monotonic() - begun:.0f} | {code} | {said} |", flush=True)


if __name__ == "__main__":
    main()
