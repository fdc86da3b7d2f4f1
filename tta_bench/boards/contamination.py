"""Contamination: pre-training data that share their source with the clips of a test list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from tta_bench.boards.board import Text
from tta_bench.boards.rows import Entry
from tta_bench.records.schema import Record

Key = TypeVar("Key")
Related = Literal["yes", "no", "not known"]

MARK = "¤"
SOURCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("kinetics", ("ucf101", "hmdb51")),
    ("k400", ("ucf101", "hmdb51")),
    ("k600", ("ucf101", "hmdb51")),
    ("k700", ("ucf101", "hmdb51")),
    ("k710", ("ucf101", "hmdb51")),
    ("unlabeledhybrid", ("ucf101", "hmdb51")),
    ("sports-1m", ("ucf101", "hmdb51")),
    ("sports1m", ("ucf101", "hmdb51")),
)
"""Names of data and the datasets with videos of the same site: UCF101 is from YouTube, HMDB51 in part, as Kinetics is
(Carreira, Zisserman, arXiv 1705.07750), which VideoMAE V2's UnlabeledHybrid holds, and Sports-1M."""
NOTE = (
    f"{MARK} Pre-trained on videos of the site that test clips are from, or on the dataset itself: some test clips may "
    "have been seen, and nobody has counted them. `tta-bench leaderboard --unseen --format csv` leaves such rows out."
)


@dataclass(frozen=True)
class Marked(Text):
    """Words with a mark, which an export does not have."""

    @property
    def words(self) -> str:
        """The text and the mark."""
        return f"{super().words} {MARK}"


def related(record: Record) -> Related:
    """Return ``yes`` if pre-training data share their source with a record's dataset, by their name."""
    weights = record.identity.weights
    if weights is None:
        return "no"
    if weights.pretraining is None:
        return "not known"
    data, dataset = weights.pretraining.data.lower(), record.identity.dataset.name.lower()
    named = dataset in data.replace("-", "").replace("_", "") or dataset in data
    return "yes" if named or any(source in data and dataset in known for source, known in SOURCES) else "no"


def marked(text: Text, record: Record) -> Text:
    """Return the words for pre-training data, with a mark where they share their source with the test clips."""
    return Marked(text.value) if related(record) == "yes" else text


def unseen(entries: Mapping[Key, list[Entry]]) -> dict[Key, list[Entry]]:
    """Return the entries of boards whose weights are known to share no source with the test clips."""
    return {key: [entry for entry in listed if related(entry.record) == "no"] for key, listed in entries.items()}
