"""Near-duplicates between pre-training data and a test list: a findings file, and a record's part on it.

A findings file is what ``tta-bench data overlap PRETRAINING_DATA TEST_DATA --into FILE`` writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tta_bench.cards.validation import explain
from tta_bench.errors import UserError
from tta_bench.records.identity import Digest, Name, Part
from tta_bench.records.limits import read_json
from tta_bench.records.predictions import name_hashes
from tta_bench.utils.files import sha256_of

FOLDER = "overlaps"
"""Folder of findings files, among the boards."""


class Overlap(Part):
    """Near-duplicates of test clips in the pre-training data."""

    corpus: Name
    """Name of the pre-training data that were looked over."""
    clips: int = Field(ge=0)
    """Test clips that are near-duplicates of clips of it."""
    of: int = Field(gt=0)
    """Test clips."""
    sha256: Digest
    """Digest of the findings file."""

    @model_validator(mode="after")
    def _part_of_the_list(self) -> Overlap:
        if self.clips > self.of:
            raise ValueError(f"{self.clips} near-duplicates of {self.of} test clips")
        return self


class Findings(BaseModel):
    """Near-duplicates of two corpora, as far as records and boards need them."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=False)

    corpora: tuple[str, str]
    """Names of the pre-training data and of the dataset of the test clips."""
    clips: tuple[int, int]
    """Clips of each that were looked at."""
    overlapping: tuple[str, ...] = Field(max_length=1_000_000)
    """Ids of the second's clips that are in the first."""
    lists_sha256: tuple[Digest, Digest] | None = None
    """Digest of the names of each one's clips; null in files of before."""


def list_digest(names: Iterable[str]) -> str:
    """Return the digest of the names of a corpus' clips, in whatever order."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()


def read_findings_file(file: Path) -> Findings:
    """Return the findings in a file.

    Raises:
        UserError: It cannot be read, or holds something else.
    """
    try:
        return Findings.model_validate(read_json(file).data)
    except ValidationError as error:
        said = "; ".join(explain(error).splitlines())
        raise UserError(f"{file} holds no findings of `tta-bench data overlap --into`: {said}") from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error).rstrip(".")
        raise UserError(f"{file} cannot be read: {said}.") from error


def overlap_problems(
    overlap: Overlap | None, scored: int, keys: NDArray[np.uint64] | None, folders: Iterable[Path]
) -> list[str]:
    """Return the differences between a record's part and its findings file; none where the file is not at hand.

    Args:
        overlap: The part.
        scored: Number of the record's test clips.
        keys: Hashes of their names; None where they are not at hand.
        folders: Folders in which the file may lie.
    """
    if overlap is None:
        return []
    if overlap.of != scored:
        return [f"overlap: it counts {overlap.of:,} test clips, and the record {scored:,}"]
    files = (file for folder in folders for file in sorted(folder.glob("*.json")))
    file = next((file for file in files if sha256_of(file) == overlap.sha256), None)
    if file is None or keys is None:
        return []
    try:
        ids = read_findings_file(file).overlapping
    except UserError as error:
        return [f"overlap: {error.message}"]
    found = int(np.isin(keys, name_hashes(ids)).sum()) if ids else 0
    if found == overlap.clips:
        return []
    return [f"overlap: {overlap.clips:,} near-duplicates are recorded, and {file.name} has {found:,} of the test list"]
