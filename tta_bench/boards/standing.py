"""Standing of a record on a board: the word for what its figures rest on, and the reason that sets it aside."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from tta_bench.boards.variants import changed_words, variant_of
from tta_bench.errors import UserError
from tta_bench.records.schema import Record
from tta_bench.records.store import file_stem
from tta_bench.records.verify import Kept, Rests, may_rank, standing_of


def word_of(record: Record, folder: Path, kept: Kept | None = None) -> Rests | None:
    """Return the word for what a record's figures rest on; None for a record without a figure.

    Args:
        record: The record.
        folder: Folder of its files.
        kept: Their contents, where they have been read.

    Raises:
        UserError: Its figures do not stand.
    """
    word = standing_of(record, folder, kept)
    if word == "FAILED":
        raise UserError(f"{file_stem(record)} does not stand: `tta-bench verify` says why.")
    return word


def weakest(words: Iterable[Rests | None]) -> Rests | None:
    """Return the weakest of some words; None where one is missing."""
    found, order = list(words), get_args(Rests)
    known = [word for word in found if word is not None]
    return min(known, key=order.index) if known and len(known) == len(found) else None


def aside(record: Record, own: bool) -> str | None:
    """Return the reason that sets a record aside from the ranked rows, or None.

    Args:
        record: The record.
        own: It stands on the board of its own data, which need not be the protocol's.
    """
    if own:
        return _changed(record)
    if (differs := _differs(record)) is not None:
        return differs
    if record.identity.standard or (variant_of(record) and not changed_words(record)):
        return None
    return _changed(record) or "not the protocol's data"


def unranked(record: Record, word: Rests | None, own: bool) -> str | None:
    """Return the reason why a record's word is not enough for a rank, or None.

    Args:
        record: The record.
        word: Word for what its figures rest on.
        own: It stands on the board of its own data, where the word of their owner is enough.
    """
    if own or record.status != "success" or may_rank(record, word):
        return None
    return f"its figures rest on no more than: {word or 'nothing that can be read'}"


def copy_of(record: Record) -> str | None:
    """Return the digest of the contents of a record's data, where it is known."""
    return record.identity.dataset.contents_sha256


def note_of(record: Record) -> str | None:
    """Return anything else that a reader must know of a record's data."""
    return record.identity.dataset.note


def _differs(record: Record) -> str | None:
    """Return the reason why a record's data are not the official ones."""
    return record.identity.dataset.differs


def _changed(record: Record) -> str | None:
    """Return the words of a run that changed a locked key or left out a part of the data."""
    words = changed_words(record)
    return f"changed: {' '.join(words)}" if words else None
