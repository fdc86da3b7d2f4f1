"""Checkpoint files: the one place that reads them, safely.

A ``.pth`` file is a pickle, and a pickle can run code. So PyTorch's restricted reader is used, which builds tensors and
plain containers only. What training scripts commonly store beside the parameters is let through, but not built: see
`tta_bench.models.checkpoints.opaque`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - the name of an error, nothing is unpickled with it
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from tta_bench.errors import BenchError, UserError
from tta_bench.models.checkpoints.kinds import EXPECTED, SAVE_PARAMETERS, kind_of, parts_of, whole_kind_of
from tta_bench.models.checkpoints.opaque import stand_in
from tta_bench.utils.files import atomic_file, sha256_of
from tta_bench.utils.keyed_random import digest


class Checkpoint(dict[str, Any]):
    """Content of a checkpoint, and the file that it came from.

    Args:
        content: The content.
        path: The file.
        key: The copy of a network in it that is meant, where it holds several: ``model_ema``, for instance.
    """

    def __init__(self, content: Mapping[str, Any], path: Path, key: str = "") -> None:
        super().__init__(content)
        self.path, self.key = path, key


def read_checkpoint(path: str | Path, sha256: str | None = None, key: str = "") -> Checkpoint:
    """Read a checkpoint without running any code that it may hold; its tensors are on the CPU.

    Args:
        path: A safetensors file, one written by ``torch.save``, or the index of several (``*.index.json``).
        sha256: The file's digest in hex, if it is known; it is compared before anything is unpickled.
        key: The copy of a network in it that is meant, where it holds several.

    Raises:
        UserError: If the file is missing, damaged, of another kind or digest, or asks for a name that is not allowed.
    """
    path = Path(path)
    kind = whole_kind_of(path)
    if sha256 is not None:
        check_sha256(path, sha256)
    if kind == "index":
        return Checkpoint({name: value for part in parts_of(path) for name, value in _read(part).items()}, path, key)
    return Checkpoint(_read(path), path, key)


def read_outline(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint that ``torch.save`` wrote, but for the values of its tensors, which are on the meta device.

    Raises:
        UserError: If the file is missing, damaged, of another kind, or asks for a name that is not allowed.
    """
    path = Path(path)
    kind_of(path)
    try:
        raw = _unpickle(path, "meta")
    except Exception as error:
        raise _unreadable(path, error) from error
    return _dictionary(raw, path)


def _read(path: Path) -> dict[str, Any]:
    """Return the content of one file."""
    kind = kind_of(path)
    try:
        raw = safetensors.torch.load_file(path) if kind == "safetensors" else _unpickle(path)
    except Exception as error:
        raise _unreadable(path, error) from error
    content = _dictionary(raw, path)
    _check_sizes(content, path)
    return content


def _dictionary(raw: object, path: Path) -> dict[str, Any]:
    """Return the content of a file, or refuse what is no dictionary."""
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds a {type(raw).__name__}, not a dictionary of parameters.", EXPECTED)
    return raw


def checkpoint_digest(path: Path) -> str:
    """Return the sha256 of a checkpoint, in hex; for an index, one digest of its own and of every part's.

    Raises:
        UserError: A part is missing.
    """
    if not path.name.endswith(".index.json"):
        return sha256_of(path)
    return digest([sha256_of(path), *(sha256_of(part) for part in parts_of(path))])


def check_sha256(path: Path, sha256: str) -> None:
    """Compare a file's digest with the expected one.

    Raises:
        UserError: If they differ.
    """
    found = checkpoint_digest(path)
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


def _unpickle(path: Path, device: str = "cpu") -> object:
    """Read a pickle of ``torch.save`` onto a device; names beside the parameters get stand-ins, any other ends it."""
    allowed = {name: stand for name in _names_in(path) if (stand := stand_in(name)) is not None}
    while True:
        try:
            with torch.serialization.safe_globals([(stand, name) for name, stand in allowed.items()]):
                return torch.load(path, map_location=device, weights_only=True)  # noqa: TID251 - restricted, only here
        except UnpicklingError as error:  # a file of the old format tells its names one after the other
            name = _refused(error)
            stand = None if name is None or name in allowed else stand_in(name)
            if name is None or stand is None:
                raise
            allowed |= {name: stand, f"builtins.{name}": stand}


def _names_in(path: Path) -> list[str]:
    """Return the names in a pickle that PyTorch does not know as safe, without unpickling it; none of an old one's."""
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # whatever is wrong with the file, reading it says so
        return []


def _refused(error: Exception) -> str | None:
    named = re.search(r"GLOBAL (\S+)", str(error))
    return named[1] if named else None


def _check_sizes(raw: Mapping[str, Any], path: Path) -> None:
    """Refuse a file with a tensor that says it is larger than the file, or that has no content."""
    size = path.stat().st_size
    for name, tensor in _tensors(raw):
        declared = tensor.numel() * tensor.element_size()
        if tensor.is_meta or declared > size:
            raise UserError(
                f"{path} ({size:,} bytes) says that {name} has {declared:,} bytes: it is not read.", EXPECTED
            )


def _tensors(value: object, name: str = "it") -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _tensors(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _tensors(inner, name)


def _unreadable(path: Path, error: Exception) -> BenchError:
    """Return the error for a file that looked like a checkpoint and cannot be read."""
    if isinstance(error, BenchError):
        return error
    name = _refused(error)
    other = re.search(r"WeightsUnpickler error:\s*(.+)", str(error))
    if name or other:
        cause = f"unpickling it would use '{name}'" if name else other and other[1]
        return UserError(f"{path} is refused: {cause}; only tensors and plain containers are read.", SAVE_PARAMETERS)
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    size = path.stat().st_size
    if "magic number" in first:
        return UserError(f"{path} ({size:,} bytes) is a pickle that torch.save did not write.", EXPECTED)
    return UserError(f"{path} ({size:,} bytes) is damaged or cut short: {first}", f"{EXPECTED} Download it again.")
