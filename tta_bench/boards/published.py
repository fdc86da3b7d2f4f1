"""Figures quoted from papers, ``leaderboards/published/<protocol>.yaml``: shown as reported, never ranked."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from tta_bench.cards.files import read_yaml
from tta_bench.cards.validation import Strict, explain
from tta_bench.errors import UserError


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


class Published(Strict):
    """Everything reported for one protocol."""

    figure: str
    """Column heading of the figures."""
    note: str
    """Remark on all of them."""
    rows: tuple[Reported, ...]


def read_published(folder: Path) -> dict[str, Published]:
    """Return the reported figures of each protocol, highest first.

    Raises:
        UserError: A file is not plain YAML, or a field is unknown, missing or wrong; each is named.
    """
    return {path.stem: _read(path) for path in sorted(folder.glob("*.yaml"))}


def _read(path: Path) -> Published:
    data = read_yaml(path.read_text(encoding="utf-8"), str(path))
    try:
        published = Published.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error)}") from None
    rows = sorted(published.rows, key=lambda row: (-float(row.value), row.method, row.split))
    return published.model_copy(update={"rows": tuple(rows)})
