"""Sources as links: papers of backbones, weights and data, from their cards; addresses of DOI and arXiv numbers."""

from __future__ import annotations

import re
from functools import cache

from tta_bench.cards.files import card_files, read_card_data
from tta_bench.errors import UserError
from tta_bench.records.schema import Record

_ARXIV = re.compile(r"\barxiv[: ]\s*(\d{4}\.\d{4,5})", re.IGNORECASE)
_DOI = re.compile(r"\bdoi[: ]\s*(10\.\d{4,9}/[^\s;,()]+)", re.IGNORECASE)


def addresses_in(citation: str) -> list[tuple[str, str]]:
    """Return words and address of each arXiv number and DOI in a citation: ``arXiv 2402.08875``, ``doi 10.1/x``.

    Args:
        citation: Free text, as the card of a model has it.
    """
    arxiv = [(f"arXiv {number}", f"https://arxiv.org/abs/{number}") for number in _ARXIV.findall(citation)]
    return arxiv + [(f"doi {number}", f"https://doi.org/{number}") for number in _DOI.findall(citation)]


def paper_of(record: Record) -> list[tuple[str, str]]:
    """Return words and address of the papers of a record's backbone and weights; none where no card names one."""
    weights = record.identity.weights
    cards = [("backbones", name) for name in record.identity.backbone.split("+")]
    cards += [] if weights is None else [("weights", weights.name)]
    found = [link for group, name in cards for link in addresses_in(_citation(group, name))]
    return list(dict.fromkeys(found))


def data_of(record: Record) -> list[tuple[str, str]]:
    """Return words and address of the papers of a record's data; none where their card names none."""
    return addresses_in(_citation("datasets", record.identity.dataset.name))


@cache
def _citation(group: str, name: str) -> str:
    """Return the citation on a card file; nothing for a card that is not there, or cannot be read."""
    path = card_files(group).get(name)
    try:
        data = {} if path is None else read_card_data(path, group)
    except UserError:
        return ""  # a board needs no card: whoever uses this one is told
    return str(data.get("citation") or "")


def modality_of(record: Record) -> str | None:
    """Return the modalities of a record's backbones, as their cards name them; None where one has no card file."""
    found = [_modality(name) for name in record.identity.backbone.split("+")]
    return None if None in found else "+".join(dict.fromkeys(map(str, found)))


@cache
def _modality(name: str) -> str | None:
    """Return the modality on a card file; None for a card that is not there, or cannot be read."""
    path = card_files("backbones").get(name)
    try:
        return None if path is None else str(read_card_data(path, "backbones").get("modality", "video"))
    except UserError:
        return None
