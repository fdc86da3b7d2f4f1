"""Errata, ``errata.yaml``: records that no longer count, with the reason. The files themselves stay as they were."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pydantic import Field, TypeAdapter, ValidationError

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


_LIST = TypeAdapter(tuple[Erratum, ...])


def read_errata(path: Path) -> dict[str, Erratum]:
    """Return the errata in a file by the name of the record they are about; none if there is no such file.

    Raises:
        UserError: The file is not plain YAML, a field is unknown, missing or wrong, or a record is named twice.
    """
    if not path.is_file():
        return {}
    try:
        errata = _LIST.validate_python(read_yaml(path.read_text(encoding="utf-8"), str(path)) or ())
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error)}") from None
    named = [erratum.record for erratum in errata]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise UserError(f"{path} has two entries for {', '.join(twice)}.")
    return dict(zip(named, errata, strict=True))


def dangling_errata(errata: Mapping[str, Erratum], records: Collection[str], path: Path) -> Iterator[str]:
    """Yield a problem for each erratum that names a record which is not there, or which does not count itself."""
    for erratum in errata.values():
        for name in filter(None, (erratum.record, erratum.superseded_by)):
            if name not in records:
                yield f"{path}: there is no record {name}"
        if erratum.superseded_by in errata:
            yield f"{path}: {erratum.superseded_by}, which is to count instead of {erratum.record}, has an entry itself"
