"""Scoring a file of class scores from elsewhere: the same lists and the same metrics, without a model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.data.datasets.listed_ids import ids_as_listed
from tta_bench.data.datasets.official import class_pairs
from tta_bench.data.datasets.open import open_dataset
from tta_bench.protocols.base.file_record import check_ids, write_scored
from tta_bench.protocols.base.standing import UNKNOWN, Standing, standing_of
from tta_bench.protocols.fine_tune.score_files import (
    ClassScores,
    columns_as_listed,
    read_class_scores,
    read_labels,
    require_classes,
)
from tta_bench.records.predictions import check_complete, collect
from tta_bench.records.schema import Record
from tta_bench.records.score import keep_results
from tta_bench.records.status import now


@dataclass(frozen=True)
class _Truth:
    """Labels that a file is scored against."""

    classes: tuple[str, ...]
    labels: dict[str, int]
    """True class of each expected id."""
    groups: dict[str, str]
    trained_groups: frozenset[str] = frozenset()
    """Groups of the training list, where there is one."""
    standing: Standing = UNKNOWN
    """The lists beside the official ones."""


def score_class_file(asked: OutsideScores, work_dir: Path) -> Record:
    """Score a file and write its record, predictions and outcomes into ``<work_dir>/records``.

    Where the file names only the best class of each sample, top-5 equals top-1.

    Raises:
        UserError: The file does not have every expected sample exactly once and no other, or columns of other classes.
    """
    created = now()
    given = read_class_scores(asked.predictions)
    truth = _truth_from_file(asked.labels, given) if asked.labels else _truth_from_dataset(asked)
    ids = ids_as_listed(given.ids, truth.labels)
    check_ids(ids, truth.labels)
    predictions = collect(
        ids,
        columns_as_listed(given, truth.classes),
        [truth.labels[name] for name in ids],
        [truth.groups[name] for name in ids],
        truth.classes,
        trained_groups=truth.trained_groups,
    )
    how = {"scores": "the best class" if given.best_only else "one for each class"}
    keep = partial(keep_results, predictions, ranked_by=asked.protocol.score, best_only=given.best_only)
    return write_scored(asked, how, keep, created, work_dir, truth.standing)


def _truth_from_dataset(asked: OutsideScores) -> _Truth:
    """Return the test list of the dataset's split."""
    layout = open_dataset(asked.dataset, asked.root)
    split = layout.split(asked.split)
    train, test = split.listed("train"), split.listed("test")  # scores of others need no files
    lists = {
        side: class_pairs([*samples, *split.again.get(side, ())], layout.classes)
        for side, samples in (("train", train), ("test", test))
    }
    return _Truth(
        classes=tuple(layout.classes),
        labels={sample.id: sample.label for sample in test},
        groups={sample.id: sample.group for sample in test},
        trained_groups=frozenset(sample.group for sample in train),
        standing=standing_of(asked, lists),
    )


def _truth_from_file(path: Path, scores: ClassScores) -> _Truth:
    """Return the labels in a file, whose classes those of the scores must be."""
    given = read_labels(path)
    check_complete(given.ids, given.ids)
    require_classes(scores, given, path)
    classes = given.classes
    labels = {name: classes.index(label) for name, label in zip(given.ids, given.labels, strict=True)}
    return _Truth(classes, labels, dict(zip(given.ids, given.groups, strict=True)))
