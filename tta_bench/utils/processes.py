"""Processes by a tag that tells them apart, on this machine and over machines, and that names nobody."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from functools import lru_cache
from pathlib import Path

TAG = re.compile(r"[0-9a-f]{8}-\d+-\d+")
"""A tag: digest of the machine since it was switched on, number of the process, time of the process's start."""


def process_tag() -> str:
    """Return this process's tag."""
    return _tag(os.getpid())


def is_gone(tag: str) -> bool:
    """Return True if a process of this machine has ended; of one on another machine nobody here can know."""
    machine, _, rest = tag.partition("-")
    number, _, start = rest.partition("-")
    if not TAG.fullmatch(tag) or machine != _machine():
        return False
    found = _start(int(number))
    return found is None or found != int(start)


@lru_cache(maxsize=4)
def _tag(number: int) -> str:
    return f"{_machine()}-{number}-{_start(number) or 0}"


@lru_cache(maxsize=1)
def _machine() -> str:
    """Return a digest of what changes with the machine, its next start, and the container."""
    parts = [sys.platform]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/1/stat"):
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError:
            continue
        parts.append(text if "boot" in path else text.rpartition(")")[2].split()[19])
    try:
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    except OSError:
        parts.append(os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", ""))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _start(number: int) -> int | None:
    """Return the time of a process's start, 0 where the system does not tell it; None if there is no such process."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0 if not Path("/proc/self/stat").exists() and _answers(number) else None
    return None if fields[0] in "ZX" else int(fields[19])


def _answers(number: int) -> bool:
    """Return True if a process of this number is there, as far as the system tells."""
    if os.name == "nt":
        return True  # there is no harmless way to ask
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
