"""Two records side by side, on the samples that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.boards.resampling import leave_one_out
from tta_bench.errors import UserError
from tta_bench.metrics import METRICS, SampleMetric
from tta_bench.metrics.differences import adjusted_p, simultaneous_level
from tta_bench.metrics.intervals import LEVEL
from tta_bench.metrics.paired import Difference, discordant, mcnemar_exact
from tta_bench.metrics.ranks import RankRange, ranks
from tta_bench.records.differences import plugin_of_score
from tta_bench.records.files import AnyOutcomes, AnyPredictions
from tta_bench.records.intensities import Truth
from tta_bench.records.predictions import Outcomes
from tta_bench.records.schema import Record
from tta_bench.records.score import outcomes_of
from tta_bench.records.store import read_record
from tta_bench.records.verify import read_kept


class Discordant(NamedTuple):
    """Samples that one of two classifiers gets right."""

    only_a: int
    """Those that only the first gets right."""
    only_b: int
    """Those that only the second gets right."""
    mcnemar: float
    """Exact p-value of McNemar's test."""


class Comparison(NamedTuple):
    """Scores of two models on the same samples."""

    metric: str
    """The metric that the first record's protocol ranks by."""
    a: float
    """Score of the first."""
    b: float
    """Score of the second."""
    difference: Difference
    """First minus second, with interval, and p from flipping the signs of groups, as ranks on boards."""
    discordant: Discordant | None
    """None for a metric without right and wrong."""
    note: str = ""
    """Limits of what the comparison can say; empty for none."""
    interval: str = ""
    """Name of the difference's interval."""


class Pair(NamedTuple):
    """Two of several records."""

    a: int
    """Place of the first among the records."""
    b: int
    """Place of the second."""
    difference: Difference
    """First minus second; interval and p hold for all pairs at once."""


class Comparisons(NamedTuple):
    """Several models on the same samples, every pair compared at once."""

    metric: str
    """The metric that the first record's protocol ranks by."""
    scores: tuple[float, ...]
    """Score of each."""
    ranks: tuple[RankRange, ...]
    """Rank of each, and the lowest that it may have."""
    pairs: tuple[Pair, ...]
    """All pairs."""
    note: str = ""
    """Limits of what the comparison can say; empty for none."""


class _Side(NamedTuple):
    """One record's samples, sorted by key."""

    outcomes: AnyOutcomes
    samples: Any
    """The predictions or outcomes that the metric is computed from."""


def compare(a: Path, b: Path, truth: Truth | None = None) -> Comparison:
    """Return the comparison of two records' files, by the metric of the first one's protocol.

    Args:
        a: The first.
        b: The second.
        truth: Labels of their split, where they have none themselves.

    Raises:
        UserError: One lacks the files that the metric is computed from, or they are not of the same samples.
    """
    metric, (first, second), note = _sides([a, b], truth)
    p = adjusted_p(_contributions(metric, [first, second]))
    return Comparison(
        metric.name,
        metric.value(first.samples),
        metric.value(second.samples),
        metric.difference(first.samples, second.samples)._replace(p=float(p[0, 1])),
        _discordant(metric, first, second),
        note,
        metric.interval_name(first.samples),
    )


def compare_several(paths: Sequence[Path], truth: Truth | None = None) -> Comparisons:
    """Return the comparison of all pairs of records' files at once, by the metric of the first one's protocol.

    Of equally good models, however many, any two are told apart in at most 5 % of comparisons, and all intervals hold
    together in 95 %.

    Args:
        paths: The records' files.
        truth: Labels of their split, where they have none themselves.

    Raises:
        UserError: As `compare`.
    """
    metric, sides, note = _sides(paths, truth)
    parts = _contributions(metric, sides)
    p, level = adjusted_p(parts), simultaneous_level(parts)
    above = (p <= 1 - LEVEL) & (parts.sum(axis=0)[:, None] > parts.sum(axis=0))
    pairs = []
    for first, second in combinations(range(len(sides)), 2):
        found = metric.difference_at(sides[first].samples, sides[second].samples, level)
        pairs.append(Pair(first, second, found._replace(p=float(p[first, second]))))
    scores = tuple(metric.value(side.samples) for side in sides)
    return Comparisons(metric.name, scores, tuple(ranks(above)), tuple(pairs), note)


def _sides(paths: Sequence[Path], truth: Truth | None) -> tuple[SampleMetric[Any], list[_Side], str]:
    """Return the metric of the first record, the samples of all, and what is to be said of them.

    Raises:
        UserError: As `compare`.
    """
    metric = _metric(read_record(paths[0]))
    sides = [_side(path, metric, truth) for path in paths]
    keys = sides[0].outcomes.keys
    for path, side in zip(paths[1:], sides[1:], strict=True):
        others = side.outcomes.keys
        shared = np.intersect1d(keys, others)
        if len(shared) != len(keys) or len(shared) != len(others):
            raise UserError(
                f"{paths[0].name} has {len(keys):,} samples and {path.name} {len(others):,}, of which they share "
                f"{len(shared):,}: only records of the same data and split can be compared."
            )
        if not sides[0].outcomes.same_truth(side.outcomes):
            raise UserError(f"{paths[0].name} and {path.name} were not scored against the same labels.")
    sides, notes = _one_rule(sides)
    if len(np.unique(sides[0].outcomes.groups)) < 2:
        notes.append("All clips are of one group, which says nothing of others: there is no interval, and no verdict.")
    return metric, sides, " ".join(notes)


def _one_rule(sides: list[_Side]) -> tuple[list[_Side], list[str]]:
    """Return samples under one rule of ties: the older one, where a record knows no other."""
    known = [side.outcomes.tied is not None for side in sides if isinstance(side.outcomes, Outcomes)]
    if all(known) or not any(known):
        return sides, []
    same = [
        _Side(side.outcomes.without_ties(), side.samples.without_ties())
        if isinstance(side.outcomes, Outcomes) and isinstance(side.samples, Outcomes)
        else side
        for side in sides
    ]
    return same, ["A record from before knows no ties, so here a tie counts as a miss in all of them."]


def _contributions(metric: SampleMetric[Any], sides: Sequence[_Side]) -> NDArray[np.float64]:
    """Return the part of each record's score that a group contributes, ``(G, K)``, more being better."""
    groups = len(np.unique(sides[0].samples.groups))
    parts = leave_one_out(metric.resampler([side.samples for side in sides]), groups)
    return parts if metric.higher_is_better else -parts


def _metric(record: Record) -> SampleMetric[Any]:
    """Return the metric that a record's protocol ranks by."""
    name = record.identity.protocol.score
    metric = METRICS.of_samples(name)
    if metric is None:
        hint = f"It needs plug-in {plugin_of_score(record)}: say --plugin FILE." if name not in METRICS else ""
        raise UserError(f"{name} is not computed from samples here, so nothing can be compared.", hint)
    return metric


def _discordant(metric: SampleMetric[Any], first: _Side, second: _Side) -> Discordant | None:
    a, b = (metric.hits(side.samples) for side in (first, second))
    return None if a is None or b is None else Discordant(*discordant(a, b), mcnemar_exact(a, b))


def _side(path: Path, metric: SampleMetric[Any], truth: Truth | None) -> _Side:
    """Return a record's samples in the order of their keys."""
    record = read_record(path)
    predictions, stored, problems = read_kept(record, path.parent, truth=truth)
    if problems:
        raise UserError(f"{path}: {problems[0]}.")
    outcomes = stored if predictions is None else outcomes_of(record, predictions)
    if outcomes is None and record.verifiable_with:
        raise UserError(f"{path} holds no labels, which may not be published.", f"Say {record.verifiable_with}=...")
    if outcomes is None:
        raise UserError(f"{path} has no outcomes beside it: status '{record.status}'.")
    order = np.argsort(outcomes.keys)
    samples = next((kept for kept in (outcomes, predictions) if kept and kept.serves == metric.needs), None)
    if samples is None:
        raise UserError(f"{path} and {metric.name} do not go together: it is computed from {metric.needs}.")
    return _Side(_sorted(outcomes, order), _sorted(samples, order))


def _sorted(samples: AnyOutcomes | AnyPredictions, order: np.ndarray[Any, Any]) -> Any:
    """Return samples in another order; predictions are sorted by id, in which order their outcomes were made."""
    arrays: dict[str, Any] = {
        name: value[order] for name, value in vars(samples).items() if isinstance(value, np.ndarray)
    }
    return replace(samples, **arrays)
