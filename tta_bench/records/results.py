"""From predictions to the part of a record that they decide."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from tta_bench.records.files import AnyPredictions, outcomes_of, write_outcomes, write_predictions
from tta_bench.records.intensities import Intensities, outcomes_from_intensities, without_labels
from tta_bench.records.schema import FileRef, LabelSource, Metric
from tta_bench.records.score import score


class Results(TypedDict):
    """Fields of a record."""

    metrics: dict[str, Metric]
    per_class: dict[str, float]
    undefined: tuple[str, ...] | None
    n_scored: int
    predictions: FileRef
    outcomes: FileRef | None
    verifiable_with: LabelSource | None


def keep_results(predictions: AnyPredictions, folder: Path, stem: str) -> Results:
    """Score predictions, write them and their outcomes into a folder, and return what a record says of both."""
    outcomes = outcomes_of(predictions)
    metrics, per_class, undefined = score(outcomes)
    return {
        "metrics": metrics,
        "per_class": per_class,
        "undefined": undefined,
        "n_scored": len(predictions.ids),
        "predictions": write_predictions(folder / f"{stem}.predictions.npz", predictions),
        "outcomes": write_outcomes(folder / f"{stem}.outcomes.npz", outcomes),
        "verifiable_with": None,
    }


def keep_without_labels(predictions: Intensities, labels: LabelSource, folder: Path, stem: str) -> Results:
    """Score predictions whose labels may not be published, and write the outputs alone.

    Args:
        predictions: With their labels, which go nowhere.
        labels: What one must have to recompute the figures.
        folder: Where the outputs go.
        stem: Name of the record.
    """
    metrics, per_class, undefined = score(outcomes_from_intensities(predictions))
    outputs = without_labels(predictions)
    return {
        "metrics": metrics,
        "per_class": per_class,
        "undefined": undefined,
        "n_scored": len(predictions.ids),
        "predictions": write_predictions(folder / f"{stem}.predictions.npz", outputs),
        "outcomes": None,
        "verifiable_with": labels,
    }
