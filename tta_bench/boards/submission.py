"""Putting records on the committed boards: only what is finished, true to its files, and made by known code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from tta_bench.boards.replaced import (
    Replacement,
    files_of,
    move_replaced,
    read_replaced,
    remove_files,
    write_replaced,
)
from tta_bench.boards.write import update_boards
from tta_bench.errors import CheckFailed, UserError
from tta_bench.experiments.base import protocol_hash
from tta_bench.experiments.kinds import protocol_card
from tta_bench.records.intensities import Truth
from tta_bench.records.schema import Record
from tta_bench.records.status import now, outcome
from tta_bench.records.store import file_stem, read_record, record_files, write_record
from tta_bench.records.verify import verify_record
from tta_bench.utils.files import write_atomic

LARGEST_PREDICTIONS = 100_000
"""Bytes of predictions that are kept in git; larger ones stay where they are if outcomes can stand for them."""


class Submitted(NamedTuple):
    """A record that was put in place."""

    path: Path
    kept_out: str | None
    """Name of its predictions, if they are too large."""


class Submission(NamedTuple):
    """Result of submitting records."""

    records: list[Submitted]
    replaced: list[Replacement]
    """Older runs of the same experiments that left the folder."""
    boards: list[Path]
    """Board files."""


def submit(
    paths: Sequence[Path],
    boards: Path,
    labels: Callable[[Record], Truth | None] = lambda _: None,
    party: str | None = None,
) -> Submission:
    """Check records, copy them with their outcomes and small predictions, and render the boards; all or none.

    Older runs of the same experiments by the same party leave the folder, and get a line in ``replaced.yaml``.

    Args:
        paths: Records' files, with their outcomes beside them.
        boards: The folder of the boards, whose ``records/`` they go to.
        labels: Gives the labels of a record that may not hold them.
        party: Name of who measured them, if not this project.

    Raises:
        CheckFailed: A figure is not what predictions or outcomes give.
        UserError: A record is no success, was made by changed code, or by another version of its protocol, or a later
            run of its experiment is there already.
    """
    records = [read_record(path) for path in paths]
    for path, record in zip(paths, records, strict=True):
        _check(path, record, labels(record))
    named = [record if party is None else _of_party(record, party) for record in records]
    for path, record in zip(paths, named, strict=True):
        _refuse_older(path, record, boards / "records")
    done = [_put(path, record, boards) for path, record in zip(paths, named, strict=True)]
    replaced = [*filter(None, (line for _, line in done)), *move_replaced(boards)]
    written, problems = update_boards([boards / "records"], boards, boards)
    if problems:
        raise CheckFailed("\n".join(problems))
    return Submission([submitted for submitted, _ in done], replaced, written)


def _of_party(record: Record, party: str) -> Record:
    """Return a record with the name of its party."""
    try:
        return Record.model_validate(record.model_dump() | {"party": party})
    except ValidationError:
        raise UserError(f"'{party}' is no name for a party: letters, digits and ._+- were expected.") from None


def _check(path: Path, record: Record, truth: Truth | None) -> None:
    """Raise the reason why a record cannot be submitted, if there is one."""
    if record.status != "success":
        raise UserError(f"{path.name} cannot be submitted: {outcome(record, now())}.", "Only finished runs have a row.")
    source, problems = verify_record(record, path.parent, truth=truth)
    if source == "nothing" and not problems:
        raise UserError(
            f"{path.name} holds no labels, which may not be published, so its figures were not recomputed.",
            f"Say where the labels are: {record.verifiable_with}=...",
        )
    if problems:
        raise CheckFailed(f"{path.name} is not true to its files: {'; '.join(problems)}")
    if record.environment is not None and record.environment.dirty:
        raise UserError(
            f"{path.name} was measured by code that differs from commit {record.environment.commit}, so nobody can "
            "run it again.",
            "Commit the change, and run it again.",
        )
    protocol = record.identity.protocol
    card = protocol_card(protocol.name)
    if (protocol.version, protocol.sha256) != (card.version, protocol_hash(card)):
        raise UserError(
            f"{path.name} was measured by version {protocol.version} of {protocol.name} ({protocol.sha256[:8]}), and "
            f"the card here is version {card.version} ({protocol_hash(card)[:8]}).",
            "Run it again with the present card.",
        )


def _refuse_older(path: Path, record: Record, folder: Path) -> None:
    """Refuse a record that would take the place of a later one under its name."""
    before = _before(record, folder)
    if before is not None and (before.finished or "") > (record.finished or ""):
        raise UserError(f"{path.name} finished at {record.finished}, and a later run of {before.finished} is there.")


def _put(path: Path, record: Record, boards: Path) -> tuple[Submitted, Replacement | None]:
    """Copy a record and the files it rests on, the record last; return the line of the one under its name, if any."""
    folder = boards / "records"
    before = _before(record, folder)
    predictions = path.parent / record.predictions.name if record.predictions and record.outcomes else None
    large = predictions is not None and predictions.exists() and predictions.stat().st_size > LARGEST_PREDICTIONS
    for ref in files_of(record):
        if not (large and ref == record.predictions) and (path.parent / ref.name).exists():
            write_atomic(folder / ref.name, (path.parent / ref.name).read_bytes())
    if record.party:
        target = write_record(record, folder)
    else:
        target = folder / f"{file_stem(record)}.json"
        write_atomic(target, path.read_bytes())
    put = Submitted(target, predictions.name if predictions and large else None)
    if before is None:
        return put, None
    remove_files(folder, before, [read_record(other) for other in record_files(folder)])
    line = Replacement(record=target.stem, sha256=before.content_sha256 or "", by=target.stem)
    write_replaced(boards, [*read_replaced(boards), line])
    return put, line


def _before(record: Record, folder: Path) -> Record | None:
    """Return the record under a record's name, if it is another."""
    target = folder / f"{file_stem(record)}.json"
    before = read_record(target) if target.exists() else None
    if before is None or before.model_copy(update={"content_sha256": record.content_sha256}) == record:
        return None
    return before
