"""Checkpoint files: the one place that reads them, safely.

A ``.pth`` file is a pickle, and a pickle can run code. So PyTorch's restricted reader is used, which builds tensors and
plain containers only. What training scripts commonly store beside the parameters is let through, but not built: an
`Opaque` takes its place. That includes ``getattr``, which MMEngine's log buffers are pickled with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from tta_bench.errors import UserError
from tta_bench.utils.files import atomic_file, sha256_of

EXPECTED = "Expected a PyTorch checkpoint (.pt, .pth) or a safetensors file."

OPAQUE = (
    "argparse.Namespace",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "builtins.getattr",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
)
"""Names that a checkpoint may mention; each is read as an `Opaque`."""


class Checkpoint(dict[str, Any]):
    """Content of a checkpoint, and the file that it came from."""

    def __init__(self, content: Mapping[str, Any], path: Path) -> None:
        super().__init__(content)
        self.path = path


class Opaque:
    """Stands for an object of a checkpoint that is not built; it holds nothing."""

    def __new__(cls, *args: object, **options: object) -> Opaque:
        """Ignore what the object would be built from."""
        return super().__new__(cls)

    def __init__(self, *args: object, **options: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        """Ignore what the object would be filled with."""


def read_checkpoint(path: str | Path, sha256: str | None = None) -> Checkpoint:
    """Read a checkpoint without running any code that it may hold; its tensors are on the CPU.

    Args:
        path: A safetensors file, or one written by ``torch.save``.
        sha256: The file's digest in hex, if it is known; it is compared before anything is unpickled.

    Raises:
        UserError: If the file is missing, damaged, of another kind or digest, or asks for a name that is not allowed.
    """
    path = Path(path)
    start = _first_bytes(path)
    if sha256 is not None:
        check_sha256(path, sha256)
    try:
        raw = safetensors.torch.load_file(path) if start[8:9] == b"{" else _unpickle(path)
    except Exception as error:
        raise _unreadable(path, error) from error
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds a {type(raw).__name__}, not a dictionary of parameters.", EXPECTED)
    return Checkpoint(raw, path)


def check_sha256(path: Path, sha256: str) -> None:
    """Compare a file's digest with the expected one.

    Raises:
        UserError: If they differ.
    """
    found = sha256_of(path)
    if found != sha256.lower():
        raise UserError(
            f"{path} ({path.stat().st_size:,} bytes) is not the expected file: its sha256 is {found}, not {sha256}.",
            "Delete it and download it again.",
        )


def save_checkpoint(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint so that at every moment the file is either the old one or the new one, whole.

    Args:
        path: Where to; folders are created.
        content: Tensors, numbers, text, and lists and dictionaries of them; anything else could not be read back.
    """
    with atomic_file(Path(path)) as file:
        torch.save(dict(content), file)


def _unpickle(path: Path) -> object:
    with torch.serialization.safe_globals([(Opaque, name) for name in OPAQUE]):
        return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 - restricted, and only here


def _first_bytes(path: Path) -> bytes:
    """Return the start of a file that can be a checkpoint by the look of it."""
    if not path.is_file():
        raise UserError(f"{path} is a folder, not a file." if path.is_dir() else f"{path} does not exist.", EXPECTED)
    with path.open("rb") as file:
        start = file.read(512)
    text = start.lstrip().lower()
    if not start:
        found = "is empty"
    elif text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        found = "is a web page, not a checkpoint: a download that needed a login or a confirmation"
    elif text.startswith(b"version https://git-lfs"):
        found = "is a Git LFS pointer, not the file it stands for ('git lfs pull' fetches that)"
    elif not (start[:4] == b"PK\3\4" or start[:1] == b"\x80" or start[8:9] == b"{"):
        found = f"is not a checkpoint: it starts with {start[:16]!r}"
    else:
        return start
    raise UserError(f"{path} ({path.stat().st_size:,} bytes) {found}.", EXPECTED)


def _unreadable(path: Path, error: Exception) -> UserError:
    """Return the error for a file that looked like a checkpoint and cannot be read."""
    named = re.search(r"GLOBAL (\S+)", str(error))
    other = re.search(r"WeightsUnpickler error:\s*(.+)", str(error))
    if named or other:
        cause = f"unpickling it would use '{named[1]}'" if named else other and other[1]
        return UserError(
            f"{path} is refused: {cause}; only tensors and plain containers are read.",
            "If you trust its author, load it where it was made and save only the parameters: "
            "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors').",
        )
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    size = path.stat().st_size
    return UserError(f"{path} ({size:,} bytes) is damaged or cut short: {first}", f"{EXPECTED} Download it again.")
