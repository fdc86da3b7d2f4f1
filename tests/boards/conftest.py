"""Words of made-up records: their labels are of no official list, and boards shall rank them all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.records.schema import Record
from tta_bench.records.verify import Rests


def rescored(record: Record, folder: Path, kept: object) -> Rests | None:
    """Return the word that lets a success be ranked."""
    return "rescored" if record.status == "success" else None


@pytest.fixture(autouse=True)
def known_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every success read from a folder be as good as one whose labels are official."""
    monkeypatch.setattr("tta_bench.boards.collect.word_of", rescored)
