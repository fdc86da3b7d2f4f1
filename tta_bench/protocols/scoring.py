"""Scoring a file of class scores that somebody hands in: no model, the same lists, the same figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tta_bench.components import DATASETS
from tta_bench.errors import UserError, shorten
from tta_bench.experiment import protocol_hash
from tta_bench.keys import digest
from tta_bench.outside import OutsideScores
from tta_bench.protocols.lists import dataset_root
from tta_bench.protocols.recording import without_root
from tta_bench.protocols.weights import sha256_of
from tta_bench.records import schema
from tta_bench.records.predictions import check_complete, collect
from tta_bench.records.results import keep_results
from tta_bench.records.schema import Record
from tta_bench.records.score_files import ClassScores, columns_as_listed, ids_as_listed, read_class_scores, read_labels
from tta_bench.records.status import now
from tta_bench.records.store import read_record, record_name, write_record


@dataclass(frozen=True)
class _Truth:
    """What a file is scored against."""

    classes: tuple[str, ...]
    labels: dict[str, int]
    """True class of each expected id."""
    groups: dict[str, str]
    trained_groups: frozenset[str] = frozenset()
    """Groups of the training list, where there is one."""


def score_class_file(asked: OutsideScores, work_dir: Path) -> Record:
    """Score a file and write its record, predictions and outcomes into ``<work_dir>/records``.

    A file that names only the best class of each sample says nothing of the next four: its top-5 equals its top-1.

    Raises:
        UserError: The file does not have every expected sample exactly once and no other, or columns of other classes.
    """
    created = now()
    found = read_class_scores(asked.predictions)
    truth = _truth_from_file(asked.labels, found) if asked.labels else _truth_from_dataset(asked)
    ids = ids_as_listed(found.ids, truth.labels)
    check_complete(ids, truth.labels)
    predictions = collect(
        ids,
        columns_as_listed(found, truth.classes),
        [truth.labels[name] for name in ids],
        [truth.groups[name] for name in ids],
        truth.classes,
        trained_groups=truth.trained_groups,
    )
    identity = _identity(asked)
    record = Record(
        origin="scored",
        identity=identity,
        given=tuple(map(without_root, asked.arguments)),
        resolved={"scores": "the best class" if found.best_only else "one for each class"},
        status="success",
        created=created,
        heartbeat=created,
        finished=now(),
        n_expected=len(truth.labels),
        environment=None,
        cost=None,
        input=None,
        **keep_results(predictions, work_dir / "records", record_name(identity)),
    )
    return read_record(write_record(record, work_dir / "records"))


def _truth_from_dataset(asked: OutsideScores) -> _Truth:
    """Return the test list of the dataset's split."""
    layout = DATASETS.build({"type": asked.dataset.component, "root": dataset_root(asked.dataset, asked.root)})
    split = layout.split(asked.split)
    return _Truth(
        classes=tuple(layout.classes),
        labels={sample.id: sample.label for sample in split.test},
        groups={sample.id: sample.group for sample in split.test},
        trained_groups=frozenset(sample.group for sample in split.train),
    )


def _truth_from_file(path: Path, found: ClassScores) -> _Truth:
    """Return what a labels file says; the classes are those of both files."""
    given = read_labels(path)
    check_complete(given.ids, given.ids)
    classes = sorted({*given.labels, *found.classes})
    if not found.best_only and (strange := sorted(set(given.labels) - set(found.classes))):
        raise UserError(f"{path} has {len(strange):,} classes without a column of scores: {shorten(strange)}.")
    labels = {name: classes.index(label) for name, label in zip(given.ids, given.labels, strict=True)}
    return _Truth(tuple(classes), labels, dict(zip(given.ids, given.groups, strict=True)))


def _identity(asked: OutsideScores) -> schema.Identity:
    card = asked.protocol
    key = {
        "scored": sha256_of(asked.predictions),
        "labels": sha256_of(asked.labels) if asked.labels else None,
        "protocol": protocol_hash(card),
        "dataset": asked.dataset.name,
        "tier": asked.tier,
        "name": asked.name,
        "split": asked.split,
        "seed": asked.seed,
    }
    return schema.Identity(
        protocol=schema.ProtocolRef(name=card.name, version=card.version, sha256=protocol_hash(card), score=card.score),
        backbone=asked.name,
        weights=None,
        dataset=schema.DatasetRef(
            name=asked.dataset.name, manifest_sha256=None, splits=tuple(map(str, asked.dataset.splits))
        ),
        split=str(asked.split),
        seed=asked.seed,
        tier=asked.tier,
        standard=asked.standard,
        track="fixed",
        control="none",
        precision=None,
        run_key=digest(key),
    )
