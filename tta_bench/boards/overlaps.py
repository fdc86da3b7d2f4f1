"""Findings of near-duplicates beside boards: a row's figure without the test clips that its pre-training data hold.

A findings file is what ``tta-bench data overlap PRETRAINING_DATA TEST_DATA --into overlaps/NAME.json`` writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tta_bench.boards.rows import Entry, Row
from tta_bench.errors import UserError, shorten
from tta_bench.metrics import METRICS
from tta_bench.records.overlap import FOLDER, Findings, read_findings_file
from tta_bench.records.predictions import Outcomes, name_hashes

Read = TypeVar("Read")


def read_findings(folders: Sequence[Path]) -> tuple[list[Findings], list[str]]:
    """Return the findings in folders of boards, and the reasons why other files there are none."""
    files = {path.resolve(): path for folder in folders for path in (folder / FOLDER).glob("*.json")}
    return read_each(files.values(), read_findings_file)


def read_each(files: Iterable[Path], read: Callable[[Path], Read]) -> tuple[list[Read], list[str]]:
    """Return the contents of files, sorted by their paths, and the reasons why others of them cannot be read.

    Args:
        files: The files.
        read: Reads one, or raises a UserError.
    """
    found, problems = [], list[str]()
    for file in sorted(files):
        try:
            found.append(read(file))
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
    """Yield a sentence for each row whose pre-training data were looked over: the number, and top-1 without them.

    Where no findings file names the clips, the number is that of the records themselves.
    """
    for row in rows:
        looked = [(entry, entry.overlap) for entry in row.entries if entry.overlap is not None]
        if len(looked) < len(row.entries) or not row.has("top1"):
            yield from _as_recorded(row)
            continue
        first = [(runs[0], runs[0].overlap) for runs in row.splits.values()]
        seen = sum(int(overlap.sum()) for _, overlap in first if overlap is not None)
        of = sum(entry.record.n_scored for entry, _ in first)
        said = _counted(row, seen, of, {name for entry, _ in looked for name in entry.overlaps_with})
        yield f"{said}{_without(row, looked) if seen else ''}."


def _counted(row: Row, seen: int, of: int, corpora: Iterable[str]) -> str:
    name = row.first.identity.backbone
    return f"{name}: {seen:,} of {of:,} test clips are near-duplicates of clips of {shorten(sorted(corpora))}"


def _as_recorded(row: Row) -> Iterator[str]:
    """Yield a sentence for a row whose records say how many test clips their pre-training data hold."""
    recorded = [found for runs in row.splits.values() if (found := runs[0].record.overlap) is not None]
    if len(recorded) < len(row.splits):
        return
    said = _counted(row, sum(r.clips for r in recorded), sum(r.of for r in recorded), {r.corpus for r in recorded})
    unknown = "the findings that name them are not among these boards, so top-1 is not known without them"
    yield f"{said}, as its records say; {unknown}."


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
