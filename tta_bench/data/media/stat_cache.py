"""A JSON file of results about files, each valid while its file keeps size and time of change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tta_bench.utils.files import locked, write_atomic


class FileStat(NamedTuple):
    """State of a file; of a folder, the state of its files together."""

    size: int
    """Bytes; of a folder's files, the sum."""
    mtime_ns: int
    """Time of change; of a folder's files, the latest."""
    files: int
    """Number of files."""
    ctime_ns: int
    """Time of change of the file's state, which nobody can set back; of a folder's files, the latest."""
    device: int
    inode: int
    """Number of the file or folder, which all of its names share."""


def file_stat(path: Path) -> FileStat:
    """Return the state of a file or folder; raises OSError where it cannot be looked up."""
    itself = path.stat()
    inside = [file.stat() for file in path.iterdir()] if path.is_dir() else [itself]
    mtime_ns = max((file.st_mtime_ns for file in inside), default=0)
    ctime_ns = max((file.st_ctime_ns for file in inside), default=0)
    size = sum(file.st_size for file in inside)
    return FileStat(size, mtime_ns, len(inside), ctime_ns, itself.st_dev, itself.st_ino)


STAMP = 4
"""Fields of a `FileStat` that a change of a file's bytes changes: a stamp of its contents."""
LOOK = 3
"""Those of them that a new name or another owner leaves alone."""


class StatCache:
    """Results by key, each with the stamp of its file: part of a `FileStat`.

    Args:
        file: The JSON file. One that is absent, broken or of another decoder counts as empty.
        decoder: The decoder that the results depend on, with its version; empty where there is none.
    """

    def __init__(self, file: Path, decoder: str = "") -> None:
        self._file, self._decoder = file, decoder
        self._entries = self._load()
        self._own: dict[str, list[Any]] = {}

    def get(self, key: str, stamp: Sequence[int]) -> list[Any] | None:
        """Return the result of a key; None where there is none, or its file had another stamp."""
        entry = self._entries.get(key, [])
        return entry[len(stamp) :] if len(entry) > len(stamp) and entry[: len(stamp)] == list(stamp) else None

    def put(self, key: str, stamp: Sequence[int], result: Iterable[Any]) -> None:
        """Set the result of a key; `save` writes it."""
        self._entries[key] = self._own[key] = [*stamp, *result]

    def save(self) -> None:
        """Write the file: what was put here, and what other processes have written meanwhile of other keys."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with locked(self._file.parent):
            self._entries = {**self._entries, **self._load(), **self._own}
            write_atomic(self._file, json.dumps({"decoder": self._decoder, "clips": self._entries}).encode())

    def _load(self) -> dict[str, list[Any]]:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            if kept["decoder"] != self._decoder:
                return {}
            return {str(key): list(entry) for key, entry in kept["clips"].items()}
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return {}  # the results are made again
