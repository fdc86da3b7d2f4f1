"""Plausibility of a record: what it says of itself that its predictions cannot tell."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tta_bench.errors import UserError
from tta_bench.experiments.base import ALWAYS_LOCKED
from tta_bench.experiments.kinds import protocol_card
from tta_bench.records.attest import CLOCKS_DIFFER
from tta_bench.records.run_keys import run_key_problem
from tta_bench.records.schema import Record
from tta_bench.records.store import file_stem, record_name

_PARTS_OF_DATA = ("limit", "train.clips")
"""Keys that leave out a part of the data."""
_OF_NO_CARD = ("data.", "runtime.", "registry.", "dataset.")
"""Sections of keys that no card locks."""


def implausible(record: Record) -> list[str]:
    """Return the faults of a record's dates, the names of its files, its standard and its run key, in words."""
    problem = run_key_problem(record)
    return [*_dates(record), *_names(record), *_standard(record), *([problem] if problem else [])]


def _standard(record: Record) -> list[str]:
    """Return the words of a record that is called standard, and that changed a locked key or left out data."""
    if not record.identity.standard or record.origin != "run":
        return []
    keys = {word.partition("=")[0] for word in record.given}
    known = {*ALWAYS_LOCKED, *_PARTS_OF_DATA}
    if any("." in key and not key.startswith(_OF_NO_CARD) for key in keys):  # else no card need be read
        known |= _locked(record.identity.protocol.name)
    words = [word for word in record.given if word.partition("=")[0] in known and not word.endswith("=null")]
    if record.resolved.get("limit") is not None:
        words.append(f"limit={record.resolved['limit']}")
    said = ", ".join(dict.fromkeys(words))
    return [f"standard: it is called so, and what is locked was changed ({said})"] if words else []


def _locked(protocol: str) -> set[str]:
    """Return the locked keys of a protocol; none of a card of somebody's own, which is not here."""
    try:
        return set(protocol_card(protocol).locked)
    except UserError:
        return set()


def _dates(record: Record) -> list[str]:
    """Return the faults of a record's dates; a clock may have been set back meanwhile."""
    created, finished = (
        datetime.fromisoformat(moment or record.created) for moment in (record.created, record.finished)
    )
    if finished < created - CLOCKS_DIFFER:
        return [f"dates: it finished at {record.finished}, before it began at {record.created}"]
    if finished > datetime.now(UTC) + CLOCKS_DIFFER:
        return [f"dates: it finished at {record.finished}, which is not yet"]
    return []


def check_name(record: Record, file: Path) -> str | None:
    """Return the problem of a record's file that is called like another's, in words."""
    expected = file_stem(record)
    return None if file.stem == expected else f"name: it is not called what its content says: {expected}.json"


def _names(record: Record) -> list[str]:
    """Return the files that a record names and that are another's, by their names."""
    stem = record_name(record.identity)
    return [
        f"{content}: {ref.name} is no file of this record's: its name must begin with {stem}.{content}."
        for ref, content in ((record.predictions, "predictions"), (record.outcomes, "outcomes"))
        if ref is not None and not (ref.name.startswith(f"{stem}.{content}.") and ref.name.endswith(".npz"))
    ]
