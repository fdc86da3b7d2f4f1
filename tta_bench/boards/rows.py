"""Rows of a board, made of records: runs of one row, controls, scored files, and records without a row."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tta_bench.boards.errata import Erratum
from tta_bench.boards.standing import copy_of, weakest
from tta_bench.data.media.attested_files import Copy
from tta_bench.metrics import SampleMetric
from tta_bench.records.files import AnyOutcomes, AnyPredictions
from tta_bench.records.identity import ProtocolRef
from tta_bench.records.schema import Record
from tta_bench.records.status import last_word, outcome
from tta_bench.records.verify import Rests
from tta_bench.utils.keyed_random import digest

REPLACED = "replaced by a newer run"
"""Reason of a record in whose row a later run of the same split and seed stands."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A record on its way to a board."""

    record: Record
    link: str
    """Address of the record's file, as seen from the board."""
    outcomes: AnyOutcomes | None
    """None where labels may not be published."""
    erratum: Erratum | None = None
    """The reason why it no longer counts, if so."""
    predictions: AnyPredictions | None = None
    """Read only where the board's metric needs them."""
    word: Rests | None = None
    """Word for what its figures rest on; None where nothing is known."""
    aside: str | None = None
    """Reason that sets it aside, so that it has no rank; None for a record that may be ranked."""
    shared: Copy | None = None
    """The copy of its split that most attested manifests share; None where there is none."""
    attested: bool = False
    """An attested manifest has the bytes of its data."""
    overlap: NDArray[np.bool_] | None = None
    """``(N,)`` True for the test clips that its pre-training data hold; None where nobody has looked."""
    overlaps_with: tuple[str, ...] = ()
    """Names of the pre-training data that were looked over."""

    @property
    def is_shared(self) -> bool:
        """Return True if its data have the bytes of the copy that most attested manifests share."""
        return self.shared is not None and copy_of(self.record) == self.shared.contents_sha256

    def samples_for(self, metric: SampleMetric[Any]) -> Any:
        """Return the samples that a metric is computed from, or None if they are not there."""
        kept = (self.outcomes, self.predictions)
        return next((samples for samples in kept if samples is not None and samples.serves == metric.needs), None)

    @cached_property
    def samples(self) -> str | None:
        """Digest of the samples and their groups, whatever their order."""
        if self.outcomes is None:
            return None
        keys, groups = self.outcomes.keys.astype("<u8", copy=False), self.outcomes.groups.astype("<u8", copy=False)
        return _digest_of(keys.tobytes(), groups.tobytes())


@lru_cache(maxsize=64)
def _digest_of(keys: bytes, groups: bytes) -> str:
    """Return the digest of samples and their groups, whatever their order; all runs of a split have the same."""
    listed = np.stack([np.frombuffer(keys, "<u8"), np.frombuffer(groups, "<u8")])
    return hashlib.sha256(listed[:, np.argsort(listed[0])].tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Row:
    """Runs that differ in split and seed only."""

    entries: tuple[Entry, ...]
    """Sorted by split, then seed."""

    @property
    def first(self) -> Record:
        """A record that stands for all where they agree."""
        return self.entries[0].record

    @cached_property
    def splits(self) -> dict[str, list[Entry]]:
        """The runs of each split."""
        runs: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            runs[entry.record.identity.split].append(entry)
        return dict(runs)

    @property
    def missing(self) -> list[str]:
        """The dataset's splits that were not run."""
        return [split for split in self.first.identity.dataset.splits if split not in self.splits]

    @property
    def word(self) -> Rests | None:
        """The weakest word of its runs."""
        return weakest(entry.word for entry in self.entries)

    def has(self, metric: str) -> bool:
        """Return True if every run has a metric."""
        return all(metric in entry.record.metrics for entry in self.entries)

    def mean(self, metric: str) -> float:
        """Return the mean over splits of a metric's mean over seeds."""
        return self._mean(lambda record: record.metrics[metric].value)

    def mean_of_class(self, name: str) -> float:
        """Return the same mean of the figure of one class or emotion, 0 where it is undefined."""
        return self._mean(lambda record: record.per_class.get(name, 0.0))

    def _mean(self, value: Callable[[Record], float]) -> float:
        return fmean(fmean(value(entry.record) for entry in runs) for runs in self.splits.values())


@dataclass
class Sections:
    """A board's records, sorted by where they stand on it."""

    metric: str = ""
    """The metric that ranks."""
    measured: list[Row] = field(default_factory=list)
    controls: list[Row] = field(default_factory=list)
    scored: list[Row] = field(default_factory=list)
    not_standard: list[Entry] = field(default_factory=list)
    left_out: list[tuple[Entry, str]] = field(default_factory=list)
    """Records without a row, and why."""


def sort_into_sections(entries: Sequence[Entry]) -> Sections:
    """Return the rows and the rest of one protocol's records at one tier, in an order that depends on them alone.

    Rows are made of successes that nothing sets aside, of the newest protocol version, on the data of the split's copy
    that most attested manifests share; where no run is on it, on the data that most runs used.
    Of two runs of the same split and seed in one row, the one that finished last counts. A board knows no other time
    than its records': a run was killed if it fell silent long before the last of them was written.
    """
    if not entries:
        return Sections()
    newest = max((e.record.identity.protocol for e in entries), key=lambda protocol: (protocol.version, protocol.score))
    latest = max(last_word(entry.record) for entry in entries)
    sections = Sections(metric=newest.score)
    current = []
    for entry in sorted(entries, key=lambda entry: entry.link):
        reason = _unfit(entry, newest, latest)
        if reason:
            sections.left_out.append((entry, reason))
        elif entry.aside is not None:
            sections.not_standard.append(entry)
        else:
            current.append(entry)
    for row in _rows(_of_the_same_data(current, sections), sections):
        _section(row, sections).append(row)
    return sections


def _unfit(entry: Entry, newest: ProtocolRef, latest: str) -> str | None:
    """Return why a record cannot have a row beside those of the newest protocol version, or None if it can."""
    protocol = entry.record.identity.protocol
    if entry.erratum is not None:
        return entry.erratum.words
    if entry.record.status != "success":
        return outcome(entry.record, latest)
    if (protocol.version, protocol.score) != (newest.version, newest.score):
        now = f"now {newest.version} ({newest.score})"
        return f"measured by version {protocol.version} of the protocol ({protocol.score}), {now}"
    return None


def _of_the_same_data(entries: Sequence[Entry], sections: Sections) -> list[Entry]:
    """Return the entries on the board's data of their split; leave the others out.

    These are the data of the copy that most attested manifests share, else of most runs.
    """
    used: dict[str, Counter[tuple[str | None, str | None]]] = defaultdict(Counter)
    shared = {(entry.record.identity.split, _data(entry)) for entry in entries if entry.is_shared}
    for entry in entries:
        used[entry.record.identity.split][_data(entry)] += 1

    def weight(split: str, data: tuple[str | None, str | None]) -> tuple[bool, bool, int, str]:
        return (split, data) in shared, data[0] is not None, used[split][data], str(data)

    kept = []
    for entry in entries:
        split = entry.record.identity.split
        manifest, samples = max(used[split], key=partial(weight, split))
        data = _data(entry)
        if data[1] == samples and data[0] in (manifest, None):
            kept.append(entry)
        else:
            sections.left_out.append((entry, "scored on other data than the rest of this board"))
    return kept


def _data(entry: Entry) -> tuple[str | None, str | None]:
    return entry.record.identity.dataset.manifest_sha256, entry.samples


def _rows(entries: Iterable[Entry], sections: Sections) -> list[Row]:
    runs: dict[str, dict[tuple[str, int], Entry]] = defaultdict(dict)
    for entry in sorted(entries, key=lambda entry: (entry.record.finished or "", entry.link)):
        cell = entry.record.identity.split, entry.record.identity.seed
        row = runs[row_key(entry.record)]
        if cell in row:
            sections.left_out.append((row[cell], REPLACED))
        row[cell] = entry
    return [Row(tuple(row[cell] for cell in sorted(row))) for row in runs.values()]


def row_key(record: Record) -> str:
    """Return a digest of what all runs of a row have in common."""
    identity = record.identity
    settings = {name: value for name, value in record.resolved.items() if name != "runtime"}
    train = settings.get("train")
    if identity.standard and isinstance(train, dict):  # locked: standard runs differ in it only if they are older
        settings["train"] = {name: value for name, value in train.items() if name != "norm_batch"}
    weights = identity.weights and [identity.weights.name, identity.weights.sha256]
    training = [identity.track, identity.precision, identity.control, settings]
    return digest([record.origin, record.party, identity.backbone, weights, *training])


def _section(row: Row, sections: Sections) -> list[Row]:
    if row.first.identity.control != "none":
        return sections.controls
    return sections.measured if row.first.origin == "run" else sections.scored
