"""The result of a scaling study as a table, a plot and JSON: a pure function of its points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tta_bench.metrics.intervals import FEW_GROUPS, Interval
from tta_bench.protocols.scaling.curve import NotIdentifiable, Saturation, fit_saturation
from tta_bench.protocols.scaling.sufficient import Sufficient, mean_over_seeds, seed_spread, smallest_sufficient


@dataclass(frozen=True)
class Point:
    """Result of one size with one seed: pre-trained, fine-tuned and tested."""

    size: int
    """Clips pre-trained on; 0 for no pre-training."""
    seed: int
    value: float
    """Top-1 of the fine-tuned model, as a fraction."""
    loss: float | None
    """Loss at the end of pre-training."""
    record: str
    """Name of the fine-tuned model's record."""
    hits: NDArray[Any]
    """``(N,)`` true for test samples classified correctly, or a part of 1 for a tie."""


@dataclass(frozen=True)
class Level:
    """One size over all of its seeds."""

    size: int
    epochs: float
    """Epochs of pre-training; 0 without pre-training."""
    accuracy: Interval
    """Mean over seeds, with its interval from the test samples' groups and, of several seeds, their variance."""
    values: tuple[float, ...]
    """One for each seed."""
    losses: tuple[float, ...]


@dataclass(frozen=True)
class Study:
    """Result of a scaling study."""

    title: str
    steps: int
    """Steps of pre-training at every size."""
    then: str
    """Description of the evaluation, for a reader."""
    levels: tuple[Level, ...]
    points: tuple[Point, ...]
    fit: Saturation | NotIdentifiable
    sufficient: Sufficient
    caution: str = ""
    """Warning to the reader; empty for none."""


def summarize(
    points: Sequence[Point],
    groups: NDArray[Any],
    *,
    title: str,
    steps: int,
    batch: int,
    then: str,
    caution: str = "",
) -> Study:
    """Return the result of a study from its points.

    Args:
        points: Every size with every seed, tested on the same samples in the same order.
        groups: ``(N,)`` group of each test sample.
        title: Heading.
        steps: Steps of pre-training at every size.
        batch: Videos in a step.
        then: Description of the evaluation, for a reader.
        caution: Warning to the reader; empty for none.
    """
    by_size: dict[int, list[Point]] = {}
    for point in sorted(points, key=lambda point: (point.size, point.seed)):
        by_size.setdefault(point.size, []).append(point)
    hits = {size: np.stack([point.hits for point in seeds]) for size, seeds in by_size.items()}
    luck = seed_spread(list(hits.values()))
    levels = tuple(
        Level(
            size=size,
            epochs=steps * batch / size if size else 0.0,
            accuracy=mean_over_seeds(hits[size], groups, luck),
            values=tuple(point.value for point in seeds),
            losses=tuple(point.loss for point in seeds if point.loss is not None),
        )
        for size, seeds in by_size.items()
    )
    pretrained = [point for seeds in by_size.values() for point in seeds if point.size]
    return Study(
        title=title,
        steps=steps,
        then=then,
        levels=levels,
        points=tuple(point for seeds in by_size.values() for point in seeds),
        fit=fit_saturation([point.size for point in pretrained], [point.value for point in pretrained]),
        sufficient=smallest_sufficient({size: rows for size, rows in hits.items() if size}, groups),
        caution=caution,
    )


def markdown(study: Study) -> str:
    """Return the study as a page: its table, its curve, and its smallest sufficient size."""
    lines = [
        f"# {study.title}",
        "",
        f"Each size is pre-trained for {study.steps:,} steps, then judged by {study.then}.",
        *([study.caution] if study.caution else []),
        "",
        "| clips | epochs | seeds | top-1 | 95 % interval | of the seeds | loss |",
        "|---:|---:|---:|---:|---|---|---:|",
        *(_row(level) for level in study.levels),
        "",
        _about_intervals(study),
        "",
        f"Curve: {describe_fit(study.fit)}.",
        "",
        f"Smallest size within {100 * study.sufficient.margin:g} point of the largest: "
        f"{describe_sufficient(study.sufficient)}.",
    ]
    return "\n".join(lines) + "\n"


def describe_fit(fit: Saturation | NotIdentifiable) -> str:
    """Return the fitted curve in words, or the reason why there is none."""
    if isinstance(fit, NotIdentifiable):
        return f"not identifiable: {fit.reason}"
    return (
        f"top-1 = {fit.asymptote:.4f} - {fit.gain:.4f} x (clips / {fit.smallest:g})^-{fit.exponent:.3f}, "
        f"levelling off at {fit.asymptote:.2%} [{fit.low:.2%}, {fit.high:.2%}]"
    )


def describe_sufficient(sufficient: Sufficient) -> str:
    """Return the smallest sufficient size, or that it cannot be told and what that would take, in words."""
    named = "cannot be told" if sufficient.size is None else f"{sufficient.size:,}"
    if sufficient.bounds and sufficient.size is not None and sufficient.size > max(sufficient.bounds):
        named += " itself"
    if sufficient.needed:
        named += f"; {sufficient.needed}" if sufficient.size is None else f", at most; {sufficient.needed}"
    if not sufficient.bounds:
        return named
    bounds = ", ".join(
        f"{size:,}: {100 * bound.value:+.2f}, at least {100 * bound.low:+.2f}, at most {100 * bound.high:+.2f}"
        for size, bound in sufficient.bounds.items()
    )
    meaning = "points by which the largest is better, with one-sided 95 % bounds from groups"
    meaning += " and seeds" if all(bound.freedom for bound in sufficient.bounds.values()) else " alone"
    return f"{named} ({meaning}: {bounds})"


def _about_intervals(study: Study) -> str:
    """Return sentences on the sizes' intervals."""
    groups, seeds = study.levels[0].accuracy.n_groups, max(len(level.values) for level in study.levels)
    if groups < 2:
        return "All test clips are of one group, so nothing can be said of others: the interval is all that can be."
    about = (
        "The interval is that of the mean over seeds: the groups of the test clips, and the unbiased variance of the "
        "seeds pooled over the sizes. Of the few seeds the lowest and the highest stand beside it."
        if seeds > 1
        else "The interval is from the groups of the test clips. One seed: the luck of training is not in it."
    )
    return about + (f" With {groups} groups it is rougher than it looks." if groups < FEW_GROUPS else "")


def as_json(study: Study) -> dict[str, Any]:
    """Return the study as plain data."""
    fit = study.fit
    return {
        "title": study.title,
        "steps": study.steps,
        "then": study.then,
        "caution": study.caution,
        "levels": [
            {"size": level.size, "epochs": round(level.epochs, 3)}
            | level.accuracy._asdict()
            | {"seeds": list(level.values), "losses": list(level.losses)}
            for level in study.levels
        ],
        "points": [
            {"size": p.size, "seed": p.seed, "top1": p.value, "loss": p.loss, "record": p.record} for p in study.points
        ],
        "fit": {"not_identifiable": fit.reason} if isinstance(fit, NotIdentifiable) else fit._asdict(),
        "sufficient": {
            "size": study.sufficient.size,
            "margin": study.sufficient.margin,
            "needed": study.sufficient.needed,
            "bounds": {str(size): bound._asdict() for size, bound in study.sufficient.bounds.items()},
        },
    }


def _row(level: Level) -> str:
    low, high = min(level.values), max(level.values)
    cells: Mapping[str, str] = {
        "clips": f"{level.size:,}" if level.size else "none",
        "epochs": f"{level.epochs:,.1f}" if level.size else "",
        "seeds": f"{len(level.values)}",
        "top-1": f"{100 * level.accuracy.value:.2f}",
        "interval": f"{100 * level.accuracy.low:.2f} to {100 * level.accuracy.high:.2f}",
        "of the seeds": f"{100 * low:.2f} to {100 * high:.2f}",
        "loss": f"{np.mean(level.losses):.4f}" if level.losses else "",
    }
    return f"| {' | '.join(cells.values())} |"
