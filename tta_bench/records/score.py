"""Figures of a record, computed from outcomes and predictions. Runs and ``verify`` share this code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypedDict

from tta_bench.errors import UserError
from tta_bench.metrics import METRICS, SampleMetric
from tta_bench.metrics.intervals import DRAWS, drawn_with
from tta_bench.records.files import AnyOutcomes, AnyPredictions, write_outcomes, write_predictions
from tta_bench.records.intensities import Intensities
from tta_bench.records.predictions import Outcomes
from tta_bench.records.schema import FileRef, LabelSource, Metric, Record, TieRule


class Scores(NamedTuple):
    """Figures of a record."""

    metrics: dict[str, Metric]
    per_class: dict[str, float]
    undefined: tuple[str, ...] | None = None
    """Emotions without an r; None for classes."""


def score(
    outcomes: AnyOutcomes,
    ranked_by: SampleMetric[Any] | None = None,
    predictions: AnyPredictions | None = None,
    recorded: Mapping[str, Metric] = MappingProxyType({}),
) -> Scores:
    """Return every figure of one run, each with the interval of a bootstrap over groups.

    Args:
        outcomes: Outcomes of the run.
        ranked_by: The protocol's own metric, computed beside the suite's; left out if its samples are missing.
        predictions: All scores, for metrics that need more than outcomes.
        recorded: Figures of a record of before, whose intervals are made and drawn as they were.
    """
    samples: dict[str, Any] = {outcomes.serves: outcomes}
    if predictions is not None:
        samples.setdefault(predictions.serves, predictions)
    wanted = {metric.name: metric for metric in [*METRICS.own(), *filter(None, [ranked_by])]}
    metrics = {
        name: _figure(metric, samples[metric.needs], recorded.get(name), outcomes)
        for name, metric in wanted.items()
        if metric.needs in samples and metric.is_defined(samples[metric.needs])
    }
    return Scores(metrics, *outcomes.per_class())


def _figure(metric: SampleMetric[Any], samples: Any, recorded: Metric | None, outcomes: AnyOutcomes) -> Metric:
    rule, draws = (recorded.interval, recorded.draws) if recorded else ("expanded", DRAWS)
    measure = metric.measure if rule == "expanded" else metric.measure_percentile
    with drawn_with(draws):
        value, low, high, n, n_groups = measure(samples)
    ends = {"low": low, "high": high} if n_groups > 1 else {"low": None, "high": None}
    ties: TieRule = "shared" if metric.needs == "ranks" and getattr(samples, "tied", None) is not None else "missed"
    return Metric(
        value=value, **ends, n=n, n_groups=n_groups, resampled=outcomes.resampled, interval=rule, draws=draws, ties=ties
    )


def outcomes_of(record: Record, predictions: AnyPredictions) -> AnyOutcomes:
    """Return the outcomes that follow from predictions, with the record's rule of ties."""
    outcomes = predictions.outcomes()
    shared = any(metric.ties == "shared" for metric in record.metrics.values())
    return outcomes.without_ties() if isinstance(outcomes, Outcomes) and not shared else outcomes


class Figures(TypedDict):
    """Fields of a record that `Scores` gives."""

    metrics: dict[str, Metric]
    per_class: dict[str, float]
    undefined: tuple[str, ...] | None


class Results(Figures):
    """Fields of a record that come from its predictions."""

    n_scored: int
    predictions: FileRef
    outcomes: FileRef | None
    verifiable_with: LabelSource | None


def keep_results(
    predictions: AnyPredictions, folder: Path, stem: str, *, ranked_by: str, best_only: bool = False
) -> Results:
    """Score predictions, write them and their outcomes into a folder, and return the fields of a record.

    Args:
        predictions: Results of every sample.
        folder: Destination.
        stem: Name of the record.
        ranked_by: Name of the protocol's metric.
        best_only: Only the best class of each sample is known, so that the others' ties mean nothing.

    Raises:
        UserError: That metric is not registered, or cannot be computed from these predictions.
    """
    outcomes = predictions.outcomes()
    if best_only and isinstance(outcomes, Outcomes):
        outcomes = outcomes.without_ties()
    return {
        **_scored(outcomes, predictions, ranked_by),
        "n_scored": len(predictions.ids),
        "predictions": write_predictions(folder / f"{stem}.predictions.npz", predictions),
        "outcomes": write_outcomes(folder / f"{stem}.outcomes.npz", outcomes),
        "verifiable_with": None,
    }


def keep_without_labels(
    predictions: Intensities, labels: LabelSource, folder: Path, stem: str, *, ranked_by: str
) -> Results:
    """Score predictions whose labels may not be published, and write the outputs alone.

    Args:
        predictions: With their labels, which are not written.
        labels: Source of the labels that recompute the figures.
        folder: Destination of the outputs.
        stem: Name of the record.
        ranked_by: Name of the protocol's metric.

    Raises:
        UserError: As ``keep_results``.
    """
    return {
        **_scored(predictions.outcomes(), predictions, ranked_by),
        "n_scored": len(predictions.ids),
        "predictions": write_predictions(folder / f"{stem}.predictions.npz", predictions.without_labels()),
        "outcomes": None,
        "verifiable_with": labels,
    }


def _scored(outcomes: AnyOutcomes, predictions: AnyPredictions, ranked_by: str) -> Figures:
    metric = METRICS.get(ranked_by)
    scores = score(outcomes, METRICS.of_samples(ranked_by), predictions)
    if ranked_by not in scores.metrics:
        raise UserError(
            f"the protocol ranks by {ranked_by}, which is computed from {metric.needs}, and this run has "
            f"{outcomes.serves} of {len(outcomes.keys):,} samples."
        )
    return {"metrics": scores.metrics, "per_class": scores.per_class, "undefined": scores.undefined}


GUESSES = {"top1": 1, "top5": 5}
"""Classes that an accuracy may name for each clip."""


def chance_level(name: str, outcomes: AnyOutcomes | None) -> float | None:
    """Return the score of a guess: k of C classes for top-k accuracy, 0 for Pearson's r; None where it is not known.

    Args:
        name: Name of the metric.
        outcomes: Outcomes of a run, where they are kept.
    """
    if name == "pearson":
        return 0.0
    if name not in GUESSES or not isinstance(outcomes, Outcomes):
        return None
    return min(1.0, GUESSES[name] / len(outcomes.classes))


def holds_chance(metric: Metric, chance: float | None) -> bool:
    """Return True if the interval of a score holds the chance level: the run never left it.

    Args:
        metric: The score.
        chance: Score of a guess; None where it is not known.
    """
    if chance is None or metric.low is None or metric.high is None:
        return False
    return metric.low <= chance <= metric.high
