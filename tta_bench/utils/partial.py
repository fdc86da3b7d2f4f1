"""Files that were fetched in part: kept beside their place, so that the next attempt goes on where the last ended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from tta_bench.utils.files import atomic_file


@dataclass(frozen=True)
class Partial:
    """State of a file of which a part has come."""

    address: str
    received: int
    """Bytes that are there."""
    total: int | None
    """Bytes of the whole file, where the server said so."""
    validator: str
    """The server's mark of the file's version (its ETag or date), by which the rest is known to be of the same."""

    def said(self, address: str) -> str:
        """Return a sentence for the user."""
        of = "" if self.total is None else f" of {self.total:,}"
        return f"{address} was cut short: {self.received:,}{of} bytes came."


def take_partial(path: Path, address: str, file: BinaryIO) -> Partial | None:
    """Move a part that was kept into an open file, and return its state; None where there is none of this address."""
    kept = _place(path)
    try:
        with kept.open("rb") as source:
            state = Partial(**json.loads(source.readline()))
            if state.address != address or not state.validator:
                return None
            shutil.copyfileobj(source, file)
    except (OSError, ValueError, TypeError):
        return None  # none, or one that nothing can be gone on from
    finally:
        kept.unlink(missing_ok=True)
    if file.tell() != state.received:
        file.seek(0)
        file.truncate()
        return None
    return state


def keep_partial(path: Path, file: BinaryIO, state: Partial) -> None:
    """Keep what an open file has of a download, hidden beside the file's place."""
    file.flush()
    with atomic_file(_place(path)) as kept, Path(file.name).open("rb") as written:
        kept.write(json.dumps(asdict(state)).encode() + b"\n")
        shutil.copyfileobj(written, kept)


def validator_of(headers: Mapping[str, str]) -> str:
    """Return the mark of a file's version in a server's answer: a strong ETag, else its date; empty without either."""
    said = {name.lower(): value for name, value in headers.items()}
    etag = said.get("etag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return said.get("last-modified", "")


def _place(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
