"""From outcomes to the figures of a record. The runner and ``verify`` both come here, so they cannot differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from tta_bench.metrics.accuracy import per_class_accuracy
from tta_bench.metrics.intervals import group_bootstrap
from tta_bench.metrics.pearson import pearson, pearson_bootstrap
from tta_bench.records.files import AnyOutcomes, AnyPredictions, outcomes_of, write_outcomes, write_predictions
from tta_bench.records.intensities import Intensities, IntensityOutcomes, outcomes_from_intensities, without_labels
from tta_bench.records.predictions import Outcomes
from tta_bench.records.schema import FileRef, LabelSource, Metric


class Scores(NamedTuple):
    """What a record says of its outcomes."""

    metrics: dict[str, Metric]
    per_class: dict[str, float]
    undefined: tuple[str, ...] | None = None
    """Emotions without an r; None for classes."""


def score(outcomes: AnyOutcomes) -> Scores:
    """Return the figures of outcomes of either kind, each with the interval of a bootstrap over groups."""
    return _intensities(outcomes) if isinstance(outcomes, IntensityOutcomes) else _classes(outcomes)


def _classes(outcomes: Outcomes) -> Scores:
    """Return accuracy in its several forms.

    ``top1``; ``top5`` where there are more than five classes; ``mean_class``, over the classes that have samples;
    ``top1_reversed``, against the class that the reversed clip shows, where that is known; and ``top1_unleaked``, over
    the samples whose group was not trained on, where others' was.
    """
    hits = outcomes.ranks == 0
    metrics = {"top1": _metric(hits, outcomes.groups), "mean_class": _metric(hits, outcomes.groups, outcomes.labels)}
    if len(outcomes.classes) > 5:
        metrics["top5"] = _metric(outcomes.ranks < 5, outcomes.groups)
    if outcomes.reversed_ranks is not None:
        metrics["top1_reversed"] = _metric(outcomes.reversed_ranks == 0, outcomes.groups)
    if outcomes.leaked is not None and not outcomes.leaked.all():
        clean = ~outcomes.leaked
        metrics["top1_unleaked"] = _metric(hits[clean], outcomes.groups[clean])
    shares = per_class_accuracy(hits, outcomes.labels, len(outcomes.classes))
    named = zip(outcomes.classes, shares, strict=True)
    return Scores(metrics, {name: float(share) for name, share in named if not np.isnan(share)})


def _intensities(outcomes: IntensityOutcomes) -> Scores:
    """Return ``pearson``, the mean of r over the emotions, and the r of each emotion that has one."""
    value, low, high, n, n_groups = pearson_bootstrap(outcomes.outputs, outcomes.targets, outcomes.groups)
    resampled = n_groups > 1
    metric = Metric(
        value=value,
        low=low if resampled else None,
        high=high if resampled else None,
        n=n,
        n_groups=n_groups,
        resampled="groups" if outcomes.subjects is not None else "samples",
    )
    found = dict(zip(outcomes.emotions, pearson(outcomes.outputs, outcomes.targets).tolist(), strict=True))
    return Scores(
        {"pearson": metric},
        {name: r for name, r in found.items() if not np.isnan(r)},
        tuple(name for name, r in found.items() if np.isnan(r)),
    )


def _metric(hits: NDArray[np.bool_], groups: NDArray[np.uint64], cells: NDArray[Any] | None = None) -> Metric:
    value, low, high, n, n_groups = group_bootstrap(hits, groups, cells)
    resampled = n_groups > 1
    return Metric(value=value, low=low if resampled else None, high=high if resampled else None, n=n, n_groups=n_groups)


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
