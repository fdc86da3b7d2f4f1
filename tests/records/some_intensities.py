"""Made-up intensities, for the tests of records and boards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.records.some_records import DIGEST, some_identity, some_record
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.records.identity import DatasetRef, Identity, ProtocolRef
from tta_bench.records.intensities import Intensities, Truth, collect_intensities
from tta_bench.records.schema import Record
from tta_bench.records.score import keep_results, keep_without_labels
from tta_bench.records.store import read_record, record_name, write_record
from tta_bench.utils.keyed_random import generator


def some_truth(subjects: int = 24, clips: int = 4, *, known: bool = True) -> Truth:
    """Return labels of ``subjects`` x ``clips`` samples, each with its largest at 1."""
    draw = generator("truth", subjects, clips)
    values = draw.random((subjects * clips, len(EMOTIONS)))
    values /= values.max(axis=1, keepdims=True)
    names = [f"{place:05d}" for place in range(len(values))]
    groups = {name: f"subject{place // clips}" for place, name in enumerate(names)}
    return Truth(EMOTIONS, dict(zip(names, values.tolist(), strict=True)), groups if known else None)


def some_intensities(noise: float = 0.5, *, truth: Truth | None = None, salt: str = "") -> Intensities:
    """Return outputs that are the labels and noise."""
    truth = truth or some_truth()
    ids = list(truth.targets)
    draw = generator("intensities", str(noise), salt, len(ids))
    outputs = np.array([truth.targets[name] for name in ids]) + noise * draw.normal(size=(len(ids), len(EMOTIONS)))
    return collect_intensities(ids, outputs, truth)


def reaction_identity(**changes: Any) -> Identity:
    """Return the identity of a run on the validation part."""
    usual = {
        "protocol": ProtocolRef(name="abaw_eri", version=1, sha256=DIGEST, score="pearson"),
        "dataset": DatasetRef(name="hume_reaction", manifest_sha256=DIGEST, splits=("val",)),
        "split": "val",
    }
    return some_identity(**(usual | changes))


def write_reaction(folder: Path, predictions: Intensities, *, hidden: bool = False, **changes: Any) -> Path:
    """Write a successful record of intensities as a run does, and return its file; ``hidden`` keeps labels out."""
    identity = reaction_identity(**changes)
    stem = record_name(identity)
    if hidden:
        results = keep_without_labels(predictions, "data.root", folder, stem, ranked_by="pearson")
    else:
        results = keep_results(predictions, folder, stem, ranked_by="pearson")
    fields = {"identity": identity, "status": "success", "finished": "2026-11-22T11:00:00Z"}
    return write_record(some_record(**fields, n_expected=len(predictions.ids), **results), folder)


def read_reaction(folder: Path, predictions: Intensities, **changes: Any) -> Record:
    """Write such a record, and read it."""
    return read_record(write_reaction(folder, predictions, **changes))
