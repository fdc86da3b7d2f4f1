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

from tta_bench.boards.rows import Entry, Row
from tta_bench.errors import UserError, shorten
from tta_bench.metrics import METRICS
from tta_bench.records.overlap import FOLDER, Findings, read_findings_file
from tta_bench.records.predictions import Outcomes, name_hashes


def read_findings(folders: Sequence[Path]) -> tuple[list[Findings], list[str]]:
    """Return the findings in folders of boards, and the reasons why other files there are none."""
    found, problems = [], list[str]()
    files = {path.resolve(): path for folder in folders for path in (folder / FOLDER).glob("*.json")}
    for file in sorted(files.values()):
        try:
            found.append(read_findings_file(file))
        except UserError as error:
            problems.append(error.message)
    return found, problems


def with_findings(entry: Entry, findings: Sequence[Findings]) -> Entry:
    """Return an entry with the test clips that its pre-training data hold, where somebody has looked."""
    concerned = [one for one in findings if _concern(one, entry)]
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


def _concern(findings: Findings, entry: Entry) -> bool:
    """Return True if a record was pre-trained on the first corpus and tested on the second."""
    weights, (first, second) = entry.record.identity.weights, findings.corpora
    if weights is None or weights.pretraining is None or not _word(first):
        return False
    return entry.record.identity.dataset.name == second and _word(first) in _word(weights.pretraining.data)


def _word(name: str) -> str:
    """Return a name in small letters and digits alone: Kinetics-400 is kinetics400."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
