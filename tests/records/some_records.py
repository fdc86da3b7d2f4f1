"""Made-up experiments with real predictions, for the tests of records and boards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tta_bench.records.files import write_outcomes, write_predictions
from tta_bench.records.identity import DatasetRef, Identity, ProtocolRef
from tta_bench.records.predictions import Predictions, collect
from tta_bench.records.schema import Cost, Environment, Input, Phase, Record
from tta_bench.records.score import score
from tta_bench.records.store import record_name, write_record
from tta_bench.utils.keyed_random import digest, generator

CLASSES = tuple(f"Class{letter}" for letter in "ABCDEFGH")
DIGEST = "0" * 64


def some_predictions(
    accuracy: float = 0.7, *, split: str = "1", salt: str = "", groups: int = 24, clips: int = 4, reverse: bool = False
) -> Predictions:
    """Return predictions of ``groups`` x ``clips`` samples, about ``accuracy`` of them right."""
    n = groups * clips
    draw = generator("predictions", accuracy, split, salt, n)
    labels = np.arange(n) // clips % len(CLASSES)
    scores = draw.random((n, len(CLASSES))).astype(np.float32)
    right = draw.random(n) < accuracy
    scores[np.arange(n), np.where(right, labels, (labels + 1) % len(CLASSES))] += 1
    return collect(
        [f"v_{CLASSES[label]}_s{split}_g{i // clips:03d}_c{i % clips}" for i, label in enumerate(labels)],
        scores,
        labels,
        [f"s{split}_g{i // clips:03d}" for i in range(n)],
        CLASSES,
        (labels + 1) % len(CLASSES) if reverse else None,
    )


def some_identity(**changes: Any) -> Identity:
    """Return an identity with a run key that depends on all of it."""
    fields: dict[str, Any] = {
        "protocol": ProtocolRef(name="ucf101_ft", version=1, sha256=DIGEST, score="top1"),
        "backbone": "videomaev2_vit_b",
        "weights": None,
        "dataset": DatasetRef(name="ucf101", manifest_sha256=DIGEST, splits=("1",)),
        "split": "1",
        "seed": 0,
        "tier": "full",
        "standard": True,
        "track": "fixed",
        "control": "none",
        "precision": "fp32",
        "run_key": DIGEST,
    } | changes
    draft = Identity(**fields)
    return draft.model_copy(update={"run_key": digest(draft.model_dump(mode="json"))})


def some_environment() -> Environment:
    """Return an environment."""
    return Environment(
        suite_version="0.1.0",
        commit=None,
        dirty=None,
        python="3.11.7",
        platform="Linux x86_64",
        packages={"torch": "2.15.0"},
        plugins=(),
        device="Some Processor",
        driver=None,
        decoder="PyAV 18.1.0",
        precision="fp32",
    )


def some_record(**changes: Any) -> Record:
    """Return a record of a run that has just started, with some fields changed."""
    fields: dict[str, Any] = {
        "origin": "run",
        "identity": some_identity(),
        "given": ("protocol=ucf101_ft", "data.root=<data.root>"),
        "resolved": {"train": {"lr": 5e-4}, "runtime": {"workers": 2}},
        "status": "started",
        "created": "2026-11-22T10:00:00Z",
        "heartbeat": "2026-11-22T10:00:30Z",
        "n_expected": 96,
        "n_scored": 0,
        "environment": some_environment(),
        "cost": Cost(parameters=86_304_869, gmacs_per_view=180.5, views=15),
        "input": Input(frames=16, stride=4, size=224),
    }
    return Record(**(fields | changes))


def write_success(folder: Path, predictions: Predictions, *, keep_predictions: bool = False, **changes: Any) -> Path:
    """Write a successful record with its outcomes, as a run does, and return the record's file."""
    outcomes = predictions.outcomes()
    scores = score(outcomes)
    identity = changes.pop("identity", None) or some_identity()
    stem = record_name(identity)
    kept = write_predictions(folder / f"{stem}.predictions.npz", predictions) if keep_predictions else None
    fields = {
        "identity": identity,
        "status": "success",
        "finished": "2026-11-22T11:00:00Z",
        "metrics": scores.metrics,
        "per_class": scores.per_class,
        "n_expected": len(predictions.ids),
        "n_scored": len(predictions.ids),
        "predictions": kept,
        "outcomes": write_outcomes(folder / f"{stem}.outcomes.npz", outcomes),
        "phases": (
            Phase(name="test", seconds=8.0, samples=96, throughput=12.0, waiting=0.25, peak_memory_bytes=2**30),
        ),
    }
    return write_record(some_record(**(fields | changes)), folder)
