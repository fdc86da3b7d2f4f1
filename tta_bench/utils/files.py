"""Files: written whole or not at all, and their digests."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tta_bench.errors import UserError


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes a path's place, flushed to disk, when the block ends without an error.

    Others see the old file or the new one, whole, whoever writes at the same time. Its folder is made if need be, and
    its mode follows the umask.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
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


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
