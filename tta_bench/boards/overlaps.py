"""Findings of near-duplicates beside boards: a row's figure without the test clips that its pre-training data hold.

A findings file is what ``tta-bench data overlap PRETRAINING_DATA TEST_DATA --into overlaps/NAME.json`` writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tta_bench.boards.rows import Entry, Row
from tta_bench.cards.validation import explain
from tta_bench.errors import shorten
from tta_bench.metrics import METRICS
from tta_bench.records.limits import read_json
from tta_bench.records.predictions import Outcomes, name_hashes

FOLDER = "overlaps"
"""Folder of findings files, among the boards."""


class Findings(BaseModel):
    """Near-duplicates of two corpora, as far as boards need them."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=False)

    corpora: tuple[str, str]
    """Names of the pre-training data and of the dataset of the test clips."""
    clips: tuple[int, int]
    """Clips of each that were looked at."""
    overlapping: tuple[str, ...] = Field(max_length=1_000_000)
    """Ids of the second's clips that are in the first."""

    def concern(self, entry: Entry) -> bool:
        """Return True if a record was pre-trained on the first and tested on the second."""
        weights = entry.record.identity.weights
        if weights is None or weights.pretraining is None or not _word(self.corpora[0]):
            return False
        same = entry.record.identity.dataset.name == self.corpora[1]
        return same and _word(self.corpora[0]) in _word(weights.pretraining.data)


def read_findings(folders: Sequence[Path]) -> tuple[list[Findings], list[str]]:
    """Return the findings in folders of boards, and the reasons why other files there are none."""
    found, problems = [], list[str]()
    files = {path.resolve(): path for folder in folders for path in (folder / FOLDER).glob("*.json")}
    for file in sorted(files.values()):
        try:
            found.append(Findings.model_validate(read_json(file)[1]))
        except ValidationError as error:
            problems.append(f"{file} holds no findings of `tta-bench data overlap --into`: {explain(error)}")
        except (OSError, ValueError) as error:
            problems.append(f"{file} cannot be read: {error}.")
    return found, problems


def with_findings(entry: Entry, findings: Sequence[Findings]) -> Entry:
    """Return an entry with the test clips that its pre-training data hold, where somebody has looked."""
    concerned = [one for one in findings if one.concern(entry)]
    if not concerned or not isinstance(entry.outcomes, Outcomes):
        return entry
    ids = sorted({name for one in concerned for name in one.overlapping})
    seen = np.isin(entry.outcomes.keys, name_hashes(ids)) if ids else np.zeros(len(entry.outcomes.keys), bool)
    return replace(entry, overlap=seen, overlaps_with=tuple(sorted({one.corpora[0] for one in concerned})))


def overlaps_in_words(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a sentence for each row whose pre-training data were looked over: the number, and top-1 without them."""
    for row in rows:
        looked = [(entry, entry.overlap) for entry in row.entries if entry.overlap is not None]
        if len(looked) < len(row.entries) or not row.has("top1"):
            continue
        first = [(runs[0], runs[0].overlap) for runs in row.splits.values()]
        seen = sum(int(overlap.sum()) for _, overlap in first if overlap is not None)
        of = sum(entry.record.n_scored for entry, _ in first)
        corpora = shorten(sorted({name for entry, _ in looked for name in entry.overlaps_with}))
        said = f"{row.first.identity.backbone}: {seen:,} of {of:,} test clips are near-duplicates of clips of {corpora}"
        yield f"{said}{_without(row, looked) if seen else ''}."


def _without(row: Row, looked: Sequence[tuple[Entry, NDArray[np.bool_]]]) -> str:
    """Return the end of a sentence: top-1 without the overlapping clips, the mean over splits and seeds."""
    top1 = METRICS.of_samples("top1")
    if top1 is None or any(overlap.all() for _, overlap in looked):
        return "; nothing is left without them"
    shares: dict[str, list[float]] = {}
    for entry, overlap in looked:
        right = top1.hits(entry.outcomes)
        assert right is not None
        shares.setdefault(entry.record.identity.split, []).append(float(np.mean(right[~overlap])))
    without = fmean(fmean(values) for values in shares.values())
    return f"; top-1 without them is {top1.text_with_unit(without)}, with them {top1.text_with_unit(row.mean('top1'))}"


def _word(name: str) -> str:
    """Return a name in small letters and digits alone: Kinetics-400 is kinetics400."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
