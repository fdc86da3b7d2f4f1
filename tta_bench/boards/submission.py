"""Putting records on the committed boards: only what is finished, true to its files, and made by known code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tta_bench.boards.write import update_boards
from tta_bench.errors import CheckFailed, UserError
from tta_bench.experiments.base import protocol_hash
from tta_bench.experiments.kinds import protocol_card
from tta_bench.records.intensities import Truth
from tta_bench.records.schema import FileRef, Record
from tta_bench.records.status import now, outcome
from tta_bench.records.store import read_record, record_name
from tta_bench.records.verify import verify_record
from tta_bench.utils.files import write_atomic

LARGEST_PREDICTIONS = 100_000
"""Bytes of predictions that are kept in git; larger ones stay where they are if outcomes can stand for them."""


class Submitted(NamedTuple):
    """A record that was put in place."""

    path: Path
    replaced: Record | None
    """Another record of the same experiment that was there before."""
    kept_out: str | None
    """Name of its predictions, if they are too large."""


def submit(
    paths: Sequence[Path], boards: Path, labels: Callable[[Record], Truth | None] = lambda _: None
) -> tuple[list[Submitted], list[Path]]:
    """Check records, copy them with their outcomes and small predictions, and render the boards; all or none.

    Args:
        paths: Records' files, with their outcomes beside them.
        boards: The folder of the boards, whose ``records/`` they go to.
        labels: Gives the labels of a record that may not hold them.

    Returns:
        What was put in place, and the board files.

    Raises:
        CheckFailed: A figure is not what predictions or outcomes give.
        UserError: A record is no success, was made by changed code, or by another version of its protocol.
    """
    records = [read_record(path) for path in paths]
    for path, record in zip(paths, records, strict=True):
        _check(path, record, labels(record))
    done = [_put(path, record, boards / "records") for path, record in zip(paths, records, strict=True)]
    written, problems = update_boards([boards / "records"], boards, boards)
    if problems:
        raise CheckFailed("\n".join(problems))
    return done, written


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
    own = record.identity.protocol
    card = protocol_card(own.name)
    if (own.version, own.sha256) != (card.version, protocol_hash(card)):
        raise UserError(
            f"{path.name} was measured by version {own.version} of {own.name} ({own.sha256[:8]}), and the card here is "
            f"version {card.version} ({protocol_hash(card)[:8]}).",
            "Run it again with the present card.",
        )


def _put(path: Path, record: Record, folder: Path) -> Submitted:
    """Copy a record and the files it rests on, the record last, and take away the files of the one it replaces."""
    target = folder / f"{record_name(record.identity)}.json"
    before = read_record(target) if target.exists() else None
    predictions = path.parent / record.predictions.name if record.predictions and record.outcomes else None
    large = predictions is not None and predictions.exists() and predictions.stat().st_size > LARGEST_PREDICTIONS
    own = [ref.name for ref in _files(record) if not (large and ref == record.predictions)]
    for name in own:
        if (path.parent / name).exists():
            write_atomic(folder / name, (path.parent / name).read_bytes())
    write_atomic(target, path.read_bytes())
    for ref in _files(before) if before else ():
        if ref.name not in own:
            (folder / ref.name).unlink(missing_ok=True)
    replaced = before if before and before.content_sha256 != record.content_sha256 else None
    return Submitted(target, replaced, predictions.name if predictions and large else None)


def _files(record: Record) -> list[FileRef]:
    return [ref for ref in (record.predictions, record.outcomes) if ref is not None]
