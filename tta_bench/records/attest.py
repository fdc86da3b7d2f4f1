"""Attestations: signed statements that somebody else ran a record's test, or its training too, and got its figures.

An attestation says what was attested (the digests of record and data), the word, and the date, as canonical JSON; that
text is signed with an SSH key (``ssh-keygen -Y sign``). Trusted keys stand in a file in OpenSSH's ``allowed_signers``
form with their validity, in which the statement's date must lie.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field, ValidationError

from tta_bench.errors import CheckFailed, UserError
from tta_bench.records.files import AnyPredictions
from tta_bench.records.identity import Digest, Part, Timestamp
from tta_bench.records.intensities import Intensities
from tta_bench.records.limits import read_json
from tta_bench.records.predictions import Predictions
from tta_bench.records.schema import Record
from tta_bench.records.signatures import sign, signer_of
from tta_bench.records.status import now
from tta_bench.records.store import ATTESTATION
from tta_bench.utils.files import write_atomic
from tta_bench.utils.keyed_random import canonical_json

Attested = Literal["retested", "rerun"]
"""The work that an attestation is about: the test phase from the run's checkpoint, or the training too."""
SAME = 0.01
"""Most by which a score may differ from machine to machine, on the scale of probabilities and intensities."""
CLOCKS_DIFFER = timedelta(days=1)
"""Most by which the clocks of two honest machines differ."""


class Statement(Part):
    """The signed part of an attestation."""

    record_sha256: Digest
    """``content_sha256`` of the record."""
    manifest_sha256: Digest | None
    """Digest of the data that it was tested on."""
    word: Attested
    """The work that was done again."""
    checkpoint_sha256: Digest | None = None
    """Digest of the checkpoint that was tested; null for another training."""
    largest_difference: float | None = None
    """Largest difference of a score; null for another training."""
    suite_version: str = Field(pattern=r"^[A-Za-z0-9.+]+$", max_length=40)
    """Version of tta-bench that did it."""
    date: Timestamp
    """Time of the signature, as the signer says."""


class Attestation(Part):
    """A statement with its signature."""

    statement: Statement
    """The statement."""
    signature: str = Field(pattern=r"^[A-Za-z0-9+/=]+$", max_length=6000)
    """OpenSSH's signature of the statement's canonical JSON, without its first and last line."""


class Attestations(Part):
    """The attestations of one record."""

    attestations: tuple[Attestation, ...] = Field(min_length=1, max_length=20)
    """One for each party that did it."""


class Checked(NamedTuple):
    """Result of checking a record's attestations."""

    word: Attested | None = None
    """The strongest word that holds; None without one."""
    by: tuple[str, ...] = ()
    """Signers of that word."""
    own: bool = False
    """All of them are the party's own."""
    problems: tuple[str, ...] = ()
    """Attestations that do not hold, in words."""
    unchecked: bool = False
    """Signatures could not be checked, as there is no ``ssh-keygen``."""


def attestation_file(record_file: Path) -> Path:
    """Return the file of a record's attestations."""
    return record_file.with_name(record_file.name.removesuffix(".json") + ATTESTATION)


def attest(record: Record, record_file: Path, statement: Statement, key: Path) -> Path:
    """Sign a statement, add it to a record's attestations, and return their file.

    Args:
        record: The record.
        record_file: Its file.
        statement: The statement.
        key: The private key; or a public one, whose private one an agent has.

    Raises:
        UserError: There is no ``ssh-keygen``, it cannot sign with the key, or the file of attestations cannot be read.
    """
    path = attestation_file(record_file)
    before = read_attestations(path).attestations if path.exists() else ()
    kept = [other for other in before if other.statement.record_sha256 == record.content_sha256]
    signature = sign(_text(statement), key)
    content = Attestations(attestations=(*kept, Attestation(statement=statement, signature=signature)))
    text = json.dumps(content.model_dump(mode="json"), indent=2, sort_keys=True)
    write_atomic(path, f"{text}\n".encode())
    return path


def read_attestations(path: Path) -> Attestations:
    """Return the attestations in a file.

    Raises:
        UserError: It cannot be read, or is no such file.
    """
    try:
        return Attestations.model_validate_json(read_json(path).text)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
        raise UserError(f"{path} is no attestation: {where}: {error.errors()[0]['msg']}.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no attestation: {error}.") from None


def check_attestations(record: Record, record_file: Path, maintainers: Path | None) -> Checked:
    """Check the attestations beside a record, if there are any.

    Args:
        record: The record.
        record_file: Its file.
        maintainers: File of the trusted keys; None where there is none.
    """
    path = attestation_file(record_file)
    if not path.exists():
        return Checked()
    try:
        attestations = read_attestations(path).attestations
    except UserError as error:
        return Checked(problems=(error.message,))
    signers: dict[Attested, dict[str, None]] = {"retested": {}, "rerun": {}}
    problems: list[str] = []
    for number, (statement, signature) in enumerate(((a.statement, a.signature) for a in attestations), start=1):
        problem = _strange(record, statement)
        if problem is None:
            signer = signer_of(_text(statement), signature, statement.date, maintainers)
            if signer.unchecked:
                return Checked(problems=tuple(problems), unchecked=True)
            problem = signer.problem
        if problem is not None:
            problems.append(f"{path.name}, attestation {number}: {problem}")
            continue
        signers[statement.word][signer.name] = None
    word = next((word for word in reversed(signers) if signers[word]), None)
    by = tuple(signers[word]) if word else ()
    return Checked(word, by, bool(by) and all(is_own(record, name) for name in by), tuple(problems))


def is_own(record: Record, signer: str) -> bool:
    """Return True if a signer is the party that measured a record: its name, or before or behind an ``@`` of it.

    A record without a party is this project's, and so are the keys of its maintainers.
    """
    return record.party is None or record.party in (signer, *signer.split("@"))


def statement_of(record: Record, word: Attested, suite_version: str, **more: object) -> Statement:
    """Return the statement about a record, of now."""
    return Statement.model_validate(
        {
            "record_sha256": record.content_sha256,
            "manifest_sha256": record.identity.dataset.manifest_sha256,
            "word": word,
            "suite_version": suite_version,
            "date": now(),
            **more,
        }
    )


def largest_difference(recorded: AnyPredictions, again: AnyPredictions) -> float:
    """Return the largest difference of a score between predictions of one test list.

    Raises:
        CheckFailed: They are not of the same samples, or a score differs by more than `SAME`.
    """
    scores = []
    for predictions in (recorded, again):
        assert isinstance(predictions, Predictions | Intensities)
        scores.append(predictions.scores if isinstance(predictions, Predictions) else predictions.outputs)
    if not np.array_equal(recorded.ids, again.ids) or scores[0].shape != scores[1].shape:
        raise CheckFailed("the test gave predictions of other samples than the record's.")
    difference = float(np.abs(scores[0].astype(np.float64) - scores[1].astype(np.float64)).max())
    if difference > SAME:
        clips = int((np.abs(scores[0].astype(np.float64) - scores[1]) > SAME).any(axis=1).sum())
        raise CheckFailed(
            f"the test gave other predictions than the record's: {clips:,} of {len(recorded.ids):,} samples differ by "
            f"more than {SAME}, the most by {difference:.4f}.",
            "Nothing was attested.",
        )
    return difference


def _text(statement: Statement) -> bytes:
    """Return the text that is signed."""
    return canonical_json(statement.model_dump(mode="json")).encode()


def _strange(record: Record, statement: Statement) -> str | None:
    """Return the reason why a statement is not about a record, in words."""
    if statement.record_sha256 != record.content_sha256:
        return f"it is of another record, {statement.record_sha256[:12]}, and this is {str(record.content_sha256)[:12]}"
    if statement.manifest_sha256 != record.identity.dataset.manifest_sha256:
        return "it is about other data than the record's"
    date = datetime.fromisoformat(statement.date)
    if record.finished and date < datetime.fromisoformat(record.finished) - CLOCKS_DIFFER:
        return f"it is of {statement.date}, before the run ended at {record.finished}"
    if date > datetime.now(UTC) + CLOCKS_DIFFER:
        return f"it is of {statement.date}, which is not yet"
    return None
