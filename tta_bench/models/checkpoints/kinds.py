"""Kinds of files that are given as weights: what is read, and a line for each other that is taken for one."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Literal

from tta_bench.errors import UserError, shorten

EXPECTED = "Expected a PyTorch checkpoint (.pt, .pth) or a safetensors file."
SAVE_PARAMETERS = (
    "If you trust its author, load it where it was made and save only the parameters: "
    "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
)
SHARD = re.compile(r"(.+)-0*(\d+)-of-0*(\d+)(\.safetensors|\.bin|\.pt|\.pth)")
"""Name of one part of a file that was cut into several: its number, and how many there are."""
NAMED = ("*.safetensors", "*.index.json", "*.pt", "*.pth", "*.bin", "*.ckpt")
"""Names that files of weights have."""

_MAGIC = {
    b"version https://git-lfs": "is a Git LFS pointer, not the file it stands for ('git lfs pull' fetches that)",
    b"\x89HDF": "is an HDF5 file, as Keras writes them",
    b"\x1f\x8b": "is packed by gzip; unpack it first",
    b"\x93NUMPY": "is a NumPy array",
    b"GGUF": "is a GGUF file of a quantised language model",
    b"7z\xbc\xaf": "is a 7z archive; unpack it first",
    b"Rar!": "is a RAR archive; unpack it first",
}
Kind = Literal["pickle", "safetensors", "index"]


def whole_kind_of(path: Path) -> Kind:
    """Return the kind of a file of weights that is not one part of several.

    Raises:
        UserError: It is a part (names the index), or no file of weights, as in `kind_of`.
    """
    part = SHARD.fullmatch(path.name)
    if part is not None and part[3] != "1" and path.is_file():
        index = path.with_name(f"{part[1]}{part[4]}.index.json")
        raise UserError(f"{path} is part {part[2]} of {part[3]} of a file.", f"Give the index of the parts: {index}.")
    return kind_of(path)


def kind_of(path: Path) -> Kind:
    """Return the kind of a file of weights: a pickle of ``torch.save``, a safetensors file, or an index of parts.

    Raises:
        UserError: It is none of them (says what it is), or says that it is larger than it is.
    """
    if not path.is_file():
        raise UserError(_no_file(path), EXPECTED)
    with path.open("rb") as file:
        start = file.read(512)
    if path.name.endswith(".index.json"):
        return "index"
    if start[8:9] == b"{" and start[:1] != b"{":
        return "safetensors"
    found = _found(path, start)
    if found is not None:
        raise UserError(f"{path} ({path.stat().st_size:,} bytes) {found}.", EXPECTED)
    if start[:4] == b"PK\3\4":
        _check_archive(path)
    return "pickle"


def weights_in(folder: Path) -> list[str]:
    """Return the names of the files of weights in a folder, the parts of one file left out."""
    names = {path.name for pattern in NAMED for path in folder.glob(pattern) if path.is_file()}
    return sorted(name for name in names if not SHARD.fullmatch(name))


def parts_of(index: Path) -> list[Path]:
    """Return the files that an index of parts names (``*.index.json`` of transformers), in order.

    Raises:
        UserError: It is no such index, or a part is missing.
    """
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        names = sorted(set(content["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{index} is no index of parts: it has no 'weight_map'.", EXPECTED) from None
    strange = [str(name) for name in names if not isinstance(name, str) or Path(name).name != name]
    if strange or not names:
        raise UserError(f"{index} names no files beside it: {shorten(strange) or 'none at all'}.", EXPECTED)
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise UserError(f"{index} names {len(names)} parts, and {len(missing)} are not beside it: {shorten(missing)}.")
    return [index.parent / name for name in names]


def _no_file(path: Path) -> str:
    if path.is_dir():
        inside = weights_in(path)
        return f"{path} is a folder, not a file" + (f"; in it are {shorten(inside)}." if inside else ".")
    return f"{path} is no ordinary file." if path.exists() else f"{path} does not exist."


def _found(path: Path, start: bytes) -> str | None:
    """Return a sentence about a file that is no checkpoint by the look of it, or None."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return "is empty"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "is a web page, not a checkpoint: a download that needed a login or a confirmation"
    for magic, sentence in _MAGIC.items():
        if start.startswith(magic):
            return sentence
    if start[257:262] == b"ustar":
        return "is a tar archive; unpack it first"
    if text[:1] == b"{" or path.suffix == ".json":
        return "is JSON, not a checkpoint: settings of a model, perhaps"
    if start[:4] != b"PK\3\4" and start[:1] != b"\x80":
        return f"is not a checkpoint: it starts with {start[:16]!r}"
    return None


def _check_archive(path: Path) -> None:
    """Refuse a ZIP archive that ``torch.save`` did not write; one that cannot be listed is left to its reader."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return
    names, size = [member.filename for member in members], path.stat().st_size
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise UserError(f"{path} is a TorchScript program, not a file of parameters.", _FROM_SCRIPT)
    if names and all(name.endswith(".npy") for name in names):
        raise UserError(f"{path} is an NPZ file of NumPy arrays ({shorten(names, 3)}), not a checkpoint.", EXPECTED)
    if not any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        raise UserError(
            f"{path} is a ZIP archive ({shorten(names, 3) or 'empty'}), not a checkpoint.",
            f"{EXPECTED} If it holds one, unpack it first.",
        )
    declared = sum(member.file_size for member in members)
    if declared > size:
        raise UserError(f"{path} says that it holds {declared:,} bytes, and has {size:,}: it is not read.", EXPECTED)


_FROM_SCRIPT = (
    "If you trust its author, save its parameters: "
    "safetensors.torch.save_file(torch.jit.load(FILE).state_dict(), 'weights.safetensors')."
)
