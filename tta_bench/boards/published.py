"""Figures quoted from papers, ``leaderboards/published/<protocol>.yaml``: shown as reported, never ranked."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pydantic import Field, ValidationError

from tta_bench.cards.files import read_yaml
from tta_bench.cards.validation import Strict, explain
from tta_bench.errors import UserError

_ADDRESS = r"^https://[A-Za-z0-9._-]+(/[^\s<>\"'`\\|\[\](){}]*)?$"


class Reported(Strict):
    """One figure that somebody reported."""

    method: str
    """Name in the source."""
    year: int = Field(ge=1990, le=2100)
    """Year of the work."""
    backbone: str | None = None
    """Network, where it matters."""
    modality: str | None = None
    """Input modalities: A, V, AU."""
    pretraining: str | None = None
    """Data that it was pre-trained on."""
    labels: bool | None = None
    """Labels of these data were used; null where the source does not say."""
    split: str = "not stated"
    """The split, as the source states it."""
    value: str = Field(pattern=r"^[0-9]*\.?[0-9]+$")
    """The figure, with the digits that the source prints."""
    differs: str = ""
    """Differences from the protocol measured here."""
    source: str
    """Paper and table."""
    link: str | None = Field(default=None, pattern=_ADDRESS, max_length=200)
    """Address of the source: its DOI or arXiv page, else the page that prints the figure."""


class Published(Strict):
    """Everything reported for one protocol."""

    figure: str
    """Column heading of the figures."""
    note: str
    """Remark on all of them."""
    rows: tuple[Reported, ...]


class Quoted(NamedTuple):
    """Figures of all protocols, and what is wrong with the files of others."""

    published: dict[str, Published]
    """Figures by protocol, highest first."""
    problems: list[str]
    """Files and rows that are left out, each named with the reason."""


def read_published(folder: Path) -> dict[str, Published]:
    """Return the reported figures of each protocol, highest first.

    Raises:
        UserError: A file is not plain YAML, or a field is unknown, missing or wrong; each is named.
    """
    quoted = quote_published(folder)
    if quoted.problems:
        raise UserError("\n".join(quoted.problems))
    return quoted.published


def quote_published(folder: Path) -> Quoted:
    """Return the reported figures of each protocol; a row that is wrong is left out, and so is a file that is none."""
    published, problems = {}, list[str]()
    for path in sorted(folder.glob("*.yaml")):
        try:
            published[path.stem] = _read(path, problems)
        except UserError as error:
            problems.append(str(error))
    return Quoted(published, problems)


def _read(path: Path, problems: list[str]) -> Published:
    """Return the figures in a file without the rows that are wrong, which are named in ``problems``."""
    try:
        data = read_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from None
    listed = data.get("rows") if isinstance(data, dict) else None
    rows = []
    for number, row in enumerate(listed if isinstance(listed, list) else []):
        try:
            rows.append(Reported.model_validate(row))
        except ValidationError as error:
            problems.append(f"{path}: row {number + 1}: {explain(error)}")
    try:
        published = Published.model_validate(data | {"rows": ()} if isinstance(listed, list) else data)
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error)}") from None
    rows.sort(key=lambda row: (-float(row.value), row.method, row.split))
    return published.model_copy(update={"rows": tuple(rows)})
