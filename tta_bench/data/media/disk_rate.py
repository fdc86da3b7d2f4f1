"""Rate at which a disk gives files that are not in memory, measured with the first files of a list."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MOST_BYTES = 8 * 2**20
"""Most bytes of a file that are read: of a longer one, a sample's decoder does not read all either."""
MOST_SECONDS = 5.0
"""Time after which no further file is begun."""
BLOCK = 2**20


class Rate(NamedTuple):
    """Reading of files from a disk, one after the other."""

    bytes_per_second: float
    bytes_per_file: float
    """Mean of what was read of a file, at most `MOST_BYTES`."""

    @property
    def files_per_second(self) -> float:
        """Files that the disk gives in a second, however many processes ask."""
        return self.bytes_per_second / self.bytes_per_file


def cold_rate(paths: Sequence[Path]) -> Rate | None:
    """Return the rate of reading files that the system is told to forget first; None where it cannot be told.

    Args:
        paths: Files; folders among them are left out.

    Raises:
        OSError: A file cannot be read.
    """
    if not hasattr(os, "posix_fadvise"):
        return None
    begun, count, files = time.perf_counter(), 0, 0
    for path in filter(Path.is_file, dict.fromkeys(paths)):
        forget(path)
        count += read_bytes(path)
        files += 1
        if time.perf_counter() - begun > MOST_SECONDS:
            break
    seconds = time.perf_counter() - begun
    return Rate(count / seconds, count / files) if count else None


def forget(path: Path) -> None:
    """Tell the system that a file need not stay in memory."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_bytes(path: Path) -> int:
    """Read a file up to `MOST_BYTES`, and return the number of bytes."""
    count = 0
    with path.open("rb", buffering=0) as file:
        while count < MOST_BYTES and (block := file.read(BLOCK)):
            count += len(block)
    return count
