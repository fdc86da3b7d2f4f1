"""Replaced records, ``replaced.yaml``: one line each in place of the files of a record that a newer run replaced.

A run is replaced by a later run of the same experiment by the same party: equal in all but the versions of protocol,
numerics and software. A run of another party, named when it was submitted, is a repetition, which stands beside. So
does everything that was scored from a file, since another file may be of another model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import Field

from tta_bench.boards.errata import read_errata, read_lines
from tta_bench.boards.rows import row_key
from tta_bench.cards.validation import Strict
from tta_bench.errors import UserError
from tta_bench.records.schema import FileRef, Record
from tta_bench.records.store import read_record, record_files
from tta_bench.utils.files import write_atomic
from tta_bench.utils.keyed_random import digest

FILE = "replaced.yaml"
_HEADER = (
    "# Records whose files left the folder, since a newer run of the same experiment by the same party is there.\n"
)


class Replacement(Strict):
    """One record that was replaced."""

    record: str = Field(pattern=r"^[A-Za-z0-9._+-]+$")
    """Name of its file without ``.json``."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Its ``content_sha256``."""
    by: str = Field(pattern=r"^[A-Za-z0-9._+-]+$")
    """Name of the newer record, which may itself be replaced later."""


def read_replaced(boards: Path) -> tuple[Replacement, ...]:
    """Return the replaced records of a folder of boards; none if there is no such file.

    Raises:
        UserError: The file is not plain YAML, or a field is unknown, missing or wrong.
    """
    replaced, problems = list_replaced(boards)
    if problems:
        raise UserError("\n".join(problems))
    return replaced


def list_replaced(boards: Path) -> tuple[tuple[Replacement, ...], list[str]]:
    """Return the replaced records of a folder of boards, and what is wrong with the other lines."""
    listed, problems = read_lines(boards / FILE, Replacement)
    return tuple(listed), problems


def write_replaced(boards: Path, replaced: Collection[Replacement]) -> None:
    """Write the list, sorted by name and digest."""
    lines = sorted({f"- {{record: {line.record}, sha256: {line.sha256}, by: {line.by}}}\n" for line in replaced})
    write_atomic(boards / FILE, (_HEADER + "".join(lines)).encode())


def dangling_replaced(boards: Path, replaced: Sequence[Replacement], records: Collection[str]) -> Iterator[str]:
    """Yield a problem for each line whose newer record is neither there nor in a line of its own."""
    known = {*records, *(line.record for line in replaced)}
    for line in replaced:
        if line.by not in known:
            yield f"{boards / FILE}: there is no record {line.by}, which is to replace {line.record}"


def experiment_key(record: Record) -> str | None:
    """Return a digest of a run's experiment and party, without versions; None for a record that never replaces another.

    Only finished runs do. The code of plug-ins and the data are part of the experiment.
    """
    if record.status != "success" or record.origin != "run" or record.environment is None:
        return None
    identity, plugins = record.identity, record.environment.plugins
    cell = [identity.protocol.name, identity.tier, identity.standard, identity.split, identity.seed]
    data = [identity.dataset.name, identity.dataset.manifest_sha256]
    return digest([record.party, cell, data, row_key(record), [[code.name, code.sha256] for code in plugins]])


def replaces(newer: Record, older: Record) -> bool:
    """Return True if a record is a later run of the same experiment by the same party."""
    key = experiment_key(newer)
    same = key is not None and key == experiment_key(older)
    later = (newer.finished or "") > (older.finished or "")
    return same and later and newer.identity.protocol.version >= older.identity.protocol.version


def find_replaced(records: Mapping[str, Record], withdrawn: Collection[str] = ()) -> list[Replacement]:
    """Return the records that others among them replace, each with the newest of these.

    Args:
        records: Records by the names of their files.
        withdrawn: Names that errata are about: they replace nothing, and stay.
    """
    same: dict[str, list[str]] = {}
    for name, record in records.items():
        key = experiment_key(record)
        if key is not None and name not in withdrawn:
            same.setdefault(key, []).append(name)
    replaced = []
    for names in same.values():
        newest = max(names, key=lambda name: (records[name].finished or "", name))
        older = [name for name in names if replaces(records[newest], records[name])]
        replaced += [Replacement(record=name, sha256=records[name].content_sha256 or "", by=newest) for name in older]
    return replaced


def move_replaced(boards: Path) -> list[Replacement]:
    """Move every replaced record of ``boards/records`` to the list: its files go, unless another record uses them."""
    folder = boards / "records"
    records = {path.stem: read_record(path) for path in record_files(folder)}
    moved = find_replaced(records, read_errata(boards / "errata.yaml"))
    if moved:
        write_replaced(boards, [*read_replaced(boards), *moved])
    for line in moved:
        record = records.pop(line.record)
        (folder / f"{line.record}.json").unlink()
        remove_files(folder, record, records.values())
    return moved


def remove_files(folder: Path, record: Record, others: Collection[Record]) -> None:
    """Remove the files beside a record that no other record names."""
    used = {ref.name for other in others for ref in files_of(other)}
    for ref in files_of(record):
        if ref.name not in used:
            (folder / ref.name).unlink(missing_ok=True)


def files_of(record: Record) -> list[FileRef]:
    """Return the files that a record rests on."""
    return [ref for ref in (record.predictions, record.outcomes) if ref is not None]


def lost_records(before: Path, after: Path) -> Iterator[str]:
    """Yield each record of a folder of boards that is gone from a later state of it without a newer one of its kind.

    A record that cannot be read stands for none.

    Args:
        before: The boards as they were, with ``records/`` and ``replaced.yaml``.
        after: The boards as they are proposed.
    """
    now: dict[str, Record] = {}
    for path in record_files(after / "records"):
        with suppress(UserError):
            now[path.stem] = read_record(path)
    there = {record.content_sha256 for record in now.values()}
    lines = read_replaced(after)
    listed = {(line.record, line.sha256) for line in lines}
    for path in record_files(before / "records"):
        record = read_record(path)
        if record.content_sha256 in there:
            continue
        if (path.stem, record.content_sha256) not in listed:
            yield f"{path.stem} is gone, and {FILE} does not say what replaced it"
        elif not any(replaces(newer, record) for newer in now.values()):
            yield f"{path.stem} is gone, and no newer run of the same experiment by the same party is there"
    for line in read_replaced(before):
        if line not in lines:
            yield f"{line.record} is gone from {FILE}"
