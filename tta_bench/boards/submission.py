"""Putting records on the committed boards: only what is finished, true to its files, and made by known code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from tta_bench.boards.public_code import require_no_login
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
from tta_bench.records.attest import attestation_file, read_attestations
from tta_bench.records.doubles import Seen, find_doubles, samples_digests
from tta_bench.records.files import fetched_folder
from tta_bench.records.intensities import Truth
from tta_bench.records.schema import Record
from tta_bench.records.status import now, outcome
from tta_bench.records.store import file_stem, read_record, record_files, write_record
from tta_bench.records.verify import MAINTAINERS, Standing, judge, read_kept
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


class Named(NamedTuple):
    """Facts that are named at submission, as a run does not know them."""

    party: str | None = None
    """Party that measured, if not this project."""
    code: str | None = None
    """Public code of the plug-ins, ``ADDRESS@COMMIT``."""
    predictions_at: str | None = None
    """Address where predictions are published that are too large for git."""
    not_standard: bool = False
    """Records that are not standard are wanted too."""


def submit(
    paths: Sequence[Path],
    boards: Path,
    labels: Callable[[Record], Truth | None] = lambda _: None,
    named: Named | None = None,
) -> Submission:
    """Check records, copy them with their outcomes and small predictions, and render the boards; all or none.

    Older runs of the same experiments by the same party leave the folder, and get a line in ``replaced.yaml``. Every
    file that is written is called as its record is, so that no record takes the place of another's file.

    Args:
        paths: Records' files, with their outcomes beside them.
        boards: The folder of the boards, whose ``records/`` they go to.
        labels: Gives the labels of a record that may not hold them.
        named: Facts that a run does not know.

    Raises:
        CheckFailed: A figure is not what predictions or outcomes give, or a record is a double of another.
        UserError: A record is no success, is not standard, is of data of one's own, was made by changed code, or by
            another version of its protocol, or a later run of its experiment is there already.
    """
    named = named or Named()
    records = [read_record(path) for path in paths]
    for path, record in zip(paths, records, strict=True):
        _check(path, record, judge(record, path.parent, truth=labels(record), maintainers=boards / MAINTAINERS), named)
    records = [with_named(path, record, named) for path, record in zip(paths, records, strict=True)]
    for path, record in zip(paths, records, strict=True):
        _refuse_older(path, record, boards / "records")
    _refuse_doubles(paths, records, boards / "records")
    with _all_or_none(boards):
        done = [_put(path, record, boards) for path, record in zip(paths, records, strict=True)]
        replaced = [*filter(None, (line for _, line in done)), *move_replaced(boards)]
        written, problems = update_boards([boards / "records"], boards, boards)
        if problems:
            raise CheckFailed("\n".join(problems))
    return Submission([submitted for submitted, _ in done], replaced, written)


@contextmanager
def _all_or_none(boards: Path) -> Iterator[None]:
    """Put the folder of boards back as it was if the block ends in an error."""
    files = [path for path in boards.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    try:
        yield
    except BaseException:
        for path in [path for path in boards.rglob("*") if path.is_file() and path not in before]:
            path.unlink()
        for path, content in before.items():
            if not path.exists() or path.read_bytes() != content:
                write_atomic(path, content)
        raise


def with_named(path: Path, record: Record, named: Named) -> Record:
    """Return a record with the facts that are named at submission; the same one where nothing is.

    Raises:
        UserError: A name or an address has another form, or the predictions to publish are not beside the record.
    """
    changes: dict[str, object] = {}
    if named.party is not None:
        changes["party"] = named.party
    if named.code is not None:
        address, _, commit = named.code.rpartition("@")
        require_no_login(address)
        changes["plugin_code"] = {"address": address, "commit": commit}
    if named.predictions_at is not None:
        kept = path.parent / (record.predictions.name if record.predictions else "")
        if record.predictions is None or not kept.is_file():
            raise UserError(f"{path.name} has no predictions beside it that could be published.")
        size = {"address": named.predictions_at, "bytes": kept.stat().st_size}
        changes["predictions"] = record.predictions.model_dump() | size
    if not changes:
        return record
    try:
        return Record.model_validate(record.model_dump() | changes | {"content_sha256": None})
    except ValidationError as error:
        field = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
        expected = {"party": "letters, digits and ._+-", "plugin_code.commit": "ADDRESS@COMMIT with its 40 digits"}
        raise UserError(
            f"'{_given(field, named)}' is no {field} of a record: {expected.get(field, 'https://... and a size')} "
            "was expected."
        ) from None


def _given(field: str, named: Named) -> str | None:
    part = field.partition(".")[0]
    return {"party": named.party, "plugin_code": named.code}.get(part, named.predictions_at)


def _refuse_doubles(paths: Sequence[Path], records: Sequence[Record], folder: Path) -> None:
    """Refuse a record of a run that is there under another name, or predictions that are another record's."""
    new = [_seen(path, record) for path, record in zip(paths, records, strict=True)]
    there = [_seen(file, read_record(file)) for file in record_files(folder)]
    replaced = {file_stem(record) for record in records}
    kept = [seen for seen in there if file_stem(seen.record) not in replaced]
    known = set(find_doubles(kept))
    doubles = [pair for pair in find_doubles([*kept, *new]) if pair not in known]
    if doubles:
        raise CheckFailed("\n".join(doubles), "Submit one of them.")


def _seen(path: Path, record: Record) -> Seen:
    predictions, outcomes, _ = read_kept(record, path.parent)
    return Seen(path.name, record, samples_digests(predictions, outcomes))


def _check(path: Path, record: Record, standing: Standing, named: Named) -> None:
    """Raise the reason why a record cannot be submitted, if there is one."""
    if record.status != "success":
        raise UserError(f"{path.name} cannot be submitted: {outcome(record, now())}.", "Only finished runs have a row.")
    if standing.word == "arithmetic" and record.verifiable_with is not None:
        raise UserError(
            f"{path.name} holds no labels, which may not be published, so its figures were not recomputed.",
            f"Say where the labels are: {record.verifiable_with}=...",
        )
    if standing.word == "FAILED":
        raise CheckFailed(f"{path.name} is not true to its files: {'; '.join(standing.problems)}")
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
    dataset = record.identity.dataset.name
    if dataset not in (card.full.dataset, card.sample.dataset):
        raise UserError(
            f"{path.name} was measured on {dataset}, and {protocol.name} is measured on {card.full.dataset}: data of "
            "one's own have no place among its rows.",
            "Their board is in the work folder: tta-bench leaderboard.",
        )
    if not record.identity.standard and not named.not_standard:
        raise UserError(
            f"{path.name} is not standard: {_changes(record)}.",
            "Say --not-standard if it shall stand below the ranked rows all the same.",
        )


def _changes(record: Record) -> str:
    """Return the words that make a run not standard, as far as they tell."""
    words = [word for word in record.given if word.partition("=")[0] not in ("protocol", "backbone", "split", "seed")]
    return (
        f"a locked key or the data were changed ({' '.join(words)})" if words else "its data are not the official ones"
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
    published = path.parent / record.predictions.name if record.predictions and record.predictions.address else None
    if published is not None and published.is_file():  # boards find it where `verify --fetch` puts it
        write_atomic(fetched_folder() / published.name, published.read_bytes())
    if record != read_record(path):  # something was named
        target = write_record(record, folder)
    else:
        target = folder / f"{file_stem(record)}.json"
        write_atomic(target, path.read_bytes())
    _put_attestation(record, path, target)
    put = Submitted(target, predictions.name if predictions and large else None)
    if before is None:
        return put, None
    remove_files(folder, before, [read_record(other) for other in record_files(folder)])
    line = Replacement(record=target.stem, sha256=before.content_sha256 or "", by=target.stem)
    write_replaced(boards, [*read_replaced(boards), line])
    return put, line


def _put_attestation(record: Record, path: Path, target: Path) -> None:
    """Copy what attests the record as it is submitted; an attestation of what stood there before goes."""
    source, place = attestation_file(path), attestation_file(target)
    written = read_record(target).content_sha256
    if source.exists() and record.content_sha256 == written:
        write_atomic(place, source.read_bytes())
    elif place.exists() and any(a.statement.record_sha256 != written for a in read_attestations(place).attestations):
        place.unlink()


def _before(record: Record, folder: Path) -> Record | None:
    """Return the record under a record's name, if it is another."""
    target = folder / f"{file_stem(record)}.json"
    before = read_record(target) if target.exists() else None
    if before is None or before.model_copy(update={"content_sha256": record.content_sha256}) == record:
        return None
    return before
