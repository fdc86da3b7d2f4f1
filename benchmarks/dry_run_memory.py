"""Table of the peak memory of ``tta-bench run --dry-run`` for cards of backbones, beside what the run expected to take.

The peak is that of a run's whole tree of processes. What it expected is what its check before the step goes by.

python benchmarks/dry_run_memory.py [--limit-gb 4] [--most-gb 12] [--rows FILE] [--protocol ucf101_ft] [NAME ...]

One after the other; without names, all of ``tta-bench list backbones``. ``--limit-gb`` runs each in a control group
with that limit, as a container does: then a line is expected, or a run, and never a kill. Linux only; it needs root.
``--most-gb`` ends a run that holds more, so that the machine is left alone. ``--rows`` keeps every row in a file as
soon as it is known, and leaves out the cards that stand in it: the same command goes on after a stop.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

COMMAND = [sys.executable, "-m", "tta_bench"]
RUN = """
from tta_bench.cli import main
from tta_bench.protocols.base import preflight

checked = preflight.require_fit

def told(training, memory, loaders):
    kept = int(getattr(training.clips, "kept_bytes", 0))
    print("expects", *(memory.expected(clips) + kept for clips in (0, 1)), flush=True)
    checked(training, memory, loaders)

preflight.require_fit = told
main()
"""
"""The program, which says before it checks a micro-batch what it expects to take without a clip, and with one."""
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


@contextmanager
def limited(limit: int | None) -> Iterator[Path | None]:
    """Make a control group (version 1 or 2) with a limit of memory and none of swap, and remove it after the block."""
    if limit is None:
        yield None
        return
    first = Path("/sys/fs/cgroup/memory")
    group = (first if first.is_dir() else Path("/sys/fs/cgroup")) / f"dry_run_memory_{os.getpid()}"
    group.mkdir()
    try:
        (group / ("memory.limit_in_bytes" if first.is_dir() else "memory.max")).write_text(str(limit))
        yield group
    finally:
        time.sleep(0.5)
        group.rmdir()


class Measured(NamedTuple):
    """Outcome of a command."""

    peak: int
    """Most bytes that it held."""
    expected: str
    """Gigabytes that it expected: before the first clip, and for the clips it took; a dash where it came to none."""
    code: int
    """Exit code."""
    said: str
    """Lines that say what it does, or why it failed."""


def measure(words: list[str], seconds: float, group: Path | None, most: float | None) -> Measured:
    """Return the outcome of a command.

    Args:
        words: The command line.
        seconds: Longest time; then it is stopped.
        group: Control group to run it in.
        most: Most bytes that it may hold; beyond them it is stopped.
    """

    def join() -> None:
        if group is not None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    stopped: list[str] = []
    with tempfile.TemporaryFile("w+") as output:
        started = subprocess.Popen(
            words, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=join
        )
        peak, end = 0, time.monotonic() + seconds
        while started.poll() is None:
            peak = max(peak, resident(started.pid))
            if time.monotonic() > end or peak > (most or peak):
                os.killpg(started.pid, signal.SIGKILL)
                started.wait()
                stopped = [f"stopped after {seconds:.0f} s" if time.monotonic() > end else "stopped as too large"]
                break
            time.sleep(0.05)
        output.seek(0)
        text = output.read()
    lines = [line for line in text.splitlines() if line.startswith(("error:", "training", "memory"))]
    return Measured(peak, expected_in(text), started.returncode, " / ".join([*lines, *stopped])[:300])


def expected_in(text: str) -> str:
    """Return the gigabytes that a run expected to take, by what it printed."""
    told, clips = re.findall(r"^expects (\d+) (\d+)$", text, re.MULTILINE), re.search(r"(\d+) clips at once on", text)
    if not told or clips is None:
        return "-"
    without, one = (int(count) / 1e9 for count in told[-1])
    each, count = one - without, int(clips[1])
    return f"{without + count * each:.2f} = {without:.2f} + {count} x {each:.3f}"


def rows_of(path: Path | None) -> dict[str, str]:
    """Return the rows that a file keeps, by the name of the card; none without a file."""
    lines = path.read_text().splitlines() if path is not None and path.is_file() else []
    return {line.split("|")[1].strip(): line for line in lines if line.endswith("|")}


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--protocol", default="ucf101_ft")
    parser.add_argument("--limit-gb", type=float)
    parser.add_argument("--most-gb", type=float)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--seconds", type=float, default=600)
    asked = parser.parse_args()
    limit = None if asked.limit_gb is None else int(asked.limit_gb * 1e9)
    most = None if asked.most_gb is None else asked.most_gb * 1e9
    known = rows_of(asked.rows)
    print("| backbone | peak, GB | expected, GB | processor, s | exit | said |\n|---|---|---|---|---|---|")
    for name in asked.names or cards():
        if name in known:
            print(known[name])
            continue
        with tempfile.TemporaryDirectory() as work:
            words = [f"protocol={asked.protocol}", f"backbone={name}", "weights=none", "tier=sample", "--dry-run"]
            begun = processor_seconds()
            with limited(limit) as group:
                command = [sys.executable, "-c", RUN, "run", *words, "--work-dir", work]
                found = measure(command, asked.seconds, group, most)
            seconds = f"{processor_seconds() - begun:.0f}"
            row = f"| {name} | {found.peak / 1e9:.2f} | {found.expected} | {seconds} | {found.code} | {found.said} |"
        print(row, flush=True)
        if asked.rows is not None:
            with asked.rows.open("a") as file:
                file.write(f"{row}\n")


def processor_seconds() -> float:
    """Return the processor time of the processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
