"""The sha256 of files' contents, remembered while a file's size and time of change stay the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tta_bench.data.datasets.find_clips import names_in
from tta_bench.errors import UserError
from tta_bench.utils.files import sha256_of, write_atomic
from tta_bench.utils.progress import Bar

THREADS = 4
"""How many files are read at once; hashing lets other threads run."""


def content_digests(paths: Iterable[Path], memory: Path) -> dict[Path, str]:
    """Return the sha256 of each file's bytes, or of the names and bytes of a folder's files.

    The JSON file ``memory`` keeps what was found. Raises UserError for a file that cannot be read.
    """
    wanted = list(dict.fromkeys(paths))
    known = _load(memory)
    try:
        stamps = {path: _stamp(path) for path in wanted}
        fresh = [path for path in wanted if known.get(str(path.resolve()), [None])[:-1] != stamps[path]]
        if fresh:
            _read_all(fresh, stamps, known, memory)
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}.") from error
    return {path: str(known[str(path.resolve())][-1]) for path in wanted}


def _read_all(
    paths: Sequence[Path], stamps: Mapping[Path, list[int | str]], known: dict[str, list[int | str]], memory: Path
) -> None:
    """Add the digests of files to what is known, and save that even where it is cut off."""
    pool = ThreadPoolExecutor(THREADS)
    with Bar("reading clips", len(paths), "clips") as bar:
        try:
            for path, found in zip(paths, pool.map(content_digest, paths), strict=True):
                known[str(path.resolve())] = [*stamps[path], found]
                bar.advance()
        finally:
            pool.shutdown(cancel_futures=True)
            _save(memory, known)


def content_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, or of the names and bytes of the files in a folder."""
    if path.is_dir():
        inside = "".join(f"{name}\0{content_digest(path / name)}\n" for name in names_in(path))
        return hashlib.sha256(inside.encode()).hexdigest()
    return sha256_of(path)


def _stamp(path: Path) -> list[int | str]:
    """Return a file's bytes and time of change in ns; of a folder's files how many, the sum and the latest."""
    inside = [file.stat() for file in path.iterdir()] if path.is_dir() else [path.stat()]
    return [len(inside), sum(file.st_size for file in inside), max((file.st_mtime_ns for file in inside), default=0)]


def _load(memory: Path) -> dict[str, list[int | str]]:
    """Return what was kept; nothing if there is no such file, or it is not whole."""
    try:
        kept = json.loads(memory.read_text(encoding="utf-8"))
        return {str(path): list(entry) for path, entry in kept.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _save(memory: Path, known: dict[str, list[int | str]]) -> None:
    """Write what is known."""
    write_atomic(memory, json.dumps(known).encode())
