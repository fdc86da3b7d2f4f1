"""Records on disk: one JSON file each, written whole or not at all, refused when it was edited."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tta_bench.errors import UserError, did_you_mean
from tta_bench.records.identity import Identity
from tta_bench.records.limits import Document, read_json
from tta_bench.records.schema import SCHEMA_VERSION, Record
from tta_bench.utils.files import write_atomic
from tta_bench.utils.keyed_random import canonical_json, digest

ATTESTATION = ".attestation.json"
"""Ending, behind a record's name, of the file that attests it."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")

RECORD_FOLDERS = (Path("runs/records"), Path("leaderboards/records"))
"""Folders in which a record is looked for by its name: one's own runs, and the boards of a checkout."""


def record_name(identity: Identity) -> str:
    """Return the name of an experiment's files without their endings, readable and unlike that of other experiments."""
    control = "" if identity.control == "none" else f"_{identity.control}"
    cell = f"split{identity.split}_seed{identity.seed}{control}"
    parts = (identity.protocol.name, identity.backbone, cell, identity.run_key[:8])
    return _UNSAFE.sub("-", "__".join(parts))


def file_stem(record: Record) -> str:
    """Return the name of a record's file without its ending: that of the experiment, and the party if it is named."""
    return record_name(record.identity) + (f"__{record.party}" if record.party else "")


def write_record(record: Record, folder: Path) -> Path:
    """Write a record with its digest into a folder, in place of the same experiment's earlier one; return the file."""
    data = record.model_dump(mode="json", exclude={"content_sha256"})
    data["content_sha256"] = digest(data)
    path = folder / f"{file_stem(record)}.json"
    text = json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_atomic(path, f"{text}\n".encode())
    return path


def read_record(path: Path) -> Record:
    """Return the record in a file.

    Raises:
        UserError: The file is half-written, no record, of a newer schema, or was edited after it was written.
    """
    try:
        document = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no record: it cannot be read as JSON, or was changed ({error}).") from None
    data = document.data
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise UserError(f"{path} is no record: it has no schema_version.")
    if version > SCHEMA_VERSION:
        raise UserError(f"{path} is of schema {version}, and this version knows {SCHEMA_VERSION}.", "Update tta-bench.")
    if data.get("content_sha256") != _content_sha256(document):
        raise UserError(f"{path} was changed after it was written: its content_sha256 does not fit its content.")
    try:
        return Record.model_validate_json(document.text)
    except ValidationError as error:
        raise UserError(f"{path} is no valid record: {_first(error)}.") from None


def content_sha256(data: dict[str, Any]) -> str:
    """Return the digest of a record's JSON data without its own ``content_sha256``."""
    return digest({key: value for key, value in data.items() if key != "content_sha256"})


def _content_sha256(document: Document) -> str:
    """Return the same of a record's document: what is before ``content_sha256`` in it has no such words."""
    own = f'"content_sha256":{canonical_json(document.data.get("content_sha256"))},'
    return hashlib.sha256(document.canonical.replace(own, "", 1).encode()).hexdigest()


def record_files(folder: Path) -> list[Path]:
    """Return the record files of a folder, sorted by name, if it is there; attestations are no records."""
    return sorted(path for path in folder.glob("*.json") if not path.name.endswith(ATTESTATION))


def find_record(word: str, folders: Sequence[Path] = RECORD_FOLDERS) -> Path:
    """Return the file of a record: that of a path, or of a name as ``tta-bench list runs`` prints it.

    Args:
        word: Path of the file, or name of the record.
        folders: Folders that names are looked for in, one after the other.

    Raises:
        UserError: There is neither; names the nearest.
    """
    if (path := Path(word)).is_file():
        return path
    name = word.removesuffix(".json")
    known = {file.stem: file for folder in reversed(folders) for file in record_files(folder)}
    if name in known:
        return known[name]
    looked = " or ".join({folder.resolve(): str(folder) for folder in folders}.values())
    nearest = did_you_mean(name, known)
    hint = nearest if nearest.startswith("Did") else "`tta-bench list runs` prints their names."
    raise UserError(f"there is no file {word}, and no record of that name in {looked}.", hint)


def load_records(folder: Path) -> list[Record]:
    """Return every record of a folder, sorted by file name.

    Raises:
        UserError: One of them cannot be read; names it.
    """
    return [read_record(path) for path in record_files(folder)]


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else problem["msg"]
