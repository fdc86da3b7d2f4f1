"""Errata, ``errata.yaml``: records that no longer count, with the reason. The files themselves stay as they were."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from tta_bench.cards.files import read_yaml
from tta_bench.cards.validation import Strict, explain
from tta_bench.errors import UserError


class Erratum(Strict):
    """One record that is withdrawn, or superseded by another."""

    record: str = Field(pattern=r"^[A-Za-z0-9._+-]+$")
    """Name of its file without ``.json``."""
    superseded_by: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._+-]+$")
    """Name of the record that counts instead; without one it is withdrawn."""
    reason: str = Field(min_length=1)
    """The mistake in it."""

    @property
    def words(self) -> str:
        """The erratum as a board says it."""
        return f"{f'superseded by {self.superseded_by}' if self.superseded_by else 'withdrawn'}: {self.reason}"


def read_errata(path: Path) -> dict[str, Erratum]:
    """Return the errata in a file by the name of the record they are about; none if there is no such file.

    Raises:
        UserError: The file is not plain YAML, a field is unknown, missing or wrong, or a record is named twice.
    """
    errata, problems = list_errata(path)
    if problems:
        raise UserError("\n".join(problems))
    return errata


def list_errata(path: Path) -> tuple[dict[str, Erratum], list[str]]:
    """Return the errata in a file by the name of their record, and what is wrong with the other lines.

    Of two entries for one record the first counts.
    """
    errata: dict[str, Erratum] = {}
    listed, problems = read_lines(path, Erratum)
    for erratum in listed:
        if erratum.record in errata:
            problems.append(f"{path} has two entries for {erratum.record}.")
        errata.setdefault(erratum.record, erratum)
    return errata, problems


Line = TypeVar("Line", bound=Strict)


def read_lines(path: Path, kind: type[Line]) -> tuple[list[Line], list[str]]:
    """Return the entries of a list in a YAML file, and what is wrong with those that are none; nothing for no file.

    Args:
        path: The file.
        kind: Model of an entry.
    """
    if not path.is_file():
        return [], []
    try:
        data = read_yaml(path.read_text(encoding="utf-8"), str(path)) or []
    except UserError as error:
        return [], [str(error)]
    except (OSError, ValueError) as error:
        return [], [f"{path} cannot be read: {error}."]
    if not isinstance(data, list):
        return [], [f"{path}: a list was expected, {type(data).__name__} was found."]
    listed, problems = [], []
    for number, entry in enumerate(data):
        try:
            listed.append(kind.model_validate(entry))
        except ValidationError as error:
            problems.append(f"{path}: entry {number + 1}: {explain(error)}")
    return listed, problems


def dangling_errata(errata: Mapping[str, Erratum], records: Collection[str], path: Path) -> Iterator[str]:
    """Yield a problem for each erratum that names a record which is not there, or which does not count itself."""
    for erratum in errata.values():
        for name in filter(None, (erratum.record, erratum.superseded_by)):
            if name not in records:
                yield f"{path}: there is no record {name}"
        if erratum.superseded_by in errata:
            yield f"{path}: {erratum.superseded_by}, which is to count instead of {erratum.record}, has an entry itself"
