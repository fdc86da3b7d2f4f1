"""Files: written whole or not at all, their digests, and what a killed process left of them."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tta_bench.errors import UserError
from tta_bench.utils.processes import TAG, is_gone, process_tag

FORGOTTEN_SECONDS = 7 * 24 * 3600.0
"""Age at which what a process of another machine left counts as forgotten."""
LOCK_SECONDS = 5.0
_TEMPORARY = re.compile(rf"\..+\.(?P<tag>{TAG.pattern})\.[0-9a-f]{{8}}\.tmp")


def temporary_path(path: Path) -> Path:
    """Return a path beside another one that no other process uses and that `sweep` knows; nothing is made."""
    return path.with_name(f".{path.name}.{process_tag()}.{secrets.token_hex(4)}.tmp")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of the system that does not say its file name a path."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes a path's place, flushed to disk, when the block ends without an error.

    Others see the old file or the new one, whole, whoever writes at the same time. Its folder is made if need be, and
    its mode follows the umask.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        with naming(path):
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, as `atomic_file` does."""
    with atomic_file(path) as file:
        file.write(content)


def is_there(path: Path) -> bool:
    """Return True if a file or folder is there; False too for a text that can be no path."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a zero character
        return False


def require_folder(path: Path) -> None:
    """Check that a path is a folder or can become one.

    Raises:
        UserError: It, or a part of it, is a file; or it can be no path.
    """
    if "\0" in str(path):
        raise UserError(f"{str(path)[:200]!r} can be no folder: it has a zero character.")
    for part in (path, *path.parents):
        try:
            if part.is_dir():
                return
            there = part.exists() or part.is_symlink()
        except (OSError, ValueError) as error:
            raise UserError(
                f"{str(path)[:200]!r} can be no folder: {getattr(error, 'strerror', None) or error}."
            ) from None
        if there:
            raise UserError(f"{path} can be no folder: {part} is a file.", "Name another folder.")


def require_writable(path: Path) -> None:
    """Check that a folder, or the nearest one above it that is there, can be written to.

    Raises:
        UserError: It cannot, or is no folder.
    """
    require_folder(path)
    nearest = next(part for part in (path.absolute(), *path.absolute().parents) if part.is_dir())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(
            f"{path}: there is no permission to write in {nearest}.", "Name another folder: --work-dir DIR."
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time into the block, for a folder, where the system and the disk can do that.

    A process that stopped inside is not waited for longer than some seconds.
    """
    with ExitStack() as stack:
        with suppress(ImportError, OSError):
            import fcntl  # not on Windows

            number = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, number)
            deadline = time.monotonic() + LOCK_SECONDS
            while time.monotonic() < deadline:
                try:
                    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.005)
        yield


def sweep(*folders: Path, deep: bool = False) -> None:
    """Remove what killed processes left of files and folders that they were writing, under `temporary_path`.

    That of a process of another machine is removed a week later, since nobody here knows whether it lives.

    Args:
        folders: Where to look; one that is not there has nothing.
        deep: Look into folders inside, too.
    """
    for folder in folders:
        with suppress(OSError):
            for path in [*(folder.rglob(".*.tmp") if deep else folder.glob(".*.tmp"))]:
                match = _TEMPORARY.fullmatch(path.name)
                if match and (is_gone(match["tag"]) or _age(path) > FORGOTTEN_SECONDS):
                    _remove(path)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _age(path: Path) -> float:
    """Return the seconds since a file was written; 0 for one that is not there any more."""
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
