"""Rows and entries of boards, made through real files."""

from __future__ import annotations

from pathlib import Path

from tests.records.some_intensities import some_intensities, some_truth, write_reaction
from tests.records.some_records import some_identity, some_predictions, write_success
from tta_bench.boards.rows import Entry, Row, sort_into_sections
from tta_bench.boards.standing import aside
from tta_bench.records.files import read_outcomes
from tta_bench.records.identity import DatasetRef
from tta_bench.records.predictions import Predictions
from tta_bench.records.store import read_record

ONE, THREE = (DatasetRef(name="ucf101", manifest_sha256="0" * 64, splits=tuple(splits)) for splits in ("1", "123"))


class Folder:
    """Makes board entries through real files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entry(self, predictions: Predictions, record: dict[str, object] | None = None, **identity: object) -> Entry:
        path = write_success(self.path, predictions, identity=some_identity(**identity), **(record or {}))
        read = read_record(path)
        assert read.outcomes is not None
        outcomes = read_outcomes(path.parent / read.outcomes.name)
        return Entry(read, path.name, outcomes, aside=aside(read, own=False))

    def row(self, accuracy: float, splits: str = "1", dataset: DatasetRef = ONE) -> Row:
        """Return a row of a backbone with this accuracy on every split."""
        entries = [
            self.entry(some_predictions(accuracy, split=split), backbone=f"net{accuracy}", split=split, dataset=dataset)
            for split in splits
        ]
        (row,) = sort_into_sections(entries).measured
        return row


def entry(path: Path) -> Entry:
    record = read_record(path)
    return Entry(record, path.name, read_outcomes(path.parent / record.outcomes.name) if record.outcomes else None)


def entries(folder: Path, *noise: float, hidden: bool = False, known: bool = True) -> list[Entry]:
    """Return runs of backbones whose outputs are the labels and so much noise."""
    truth = some_truth(known=known)
    return [
        entry(write_reaction(folder, some_intensities(level, truth=truth), hidden=hidden, backbone=f"net{level}"))
        for level in noise
    ]
