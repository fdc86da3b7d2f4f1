"""From predictions to the part of a record that they decide."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from tta_bench.records.predictions import Predictions, outcomes_from_predictions, write_outcomes, write_predictions
from tta_bench.records.schema import FileRef, Metric
from tta_bench.records.score import score


class Results(TypedDict):
    """Fields of a record."""

    metrics: dict[str, Metric]
    per_class: dict[str, float]
    n_scored: int
    predictions: FileRef
    outcomes: FileRef


def keep_results(predictions: Predictions, folder: Path, stem: str) -> Results:
    """Score predictions, write them and their outcomes into a folder, and return what a record says of both."""
    outcomes = outcomes_from_predictions(predictions)
    metrics, per_class = score(outcomes)
    return {
        "metrics": metrics,
        "per_class": per_class,
        "n_scored": len(predictions.ids),
        "predictions": write_predictions(folder / f"{stem}.predictions.npz", predictions),
        "outcomes": write_outcomes(folder / f"{stem}.outcomes.npz", outcomes),
    }
