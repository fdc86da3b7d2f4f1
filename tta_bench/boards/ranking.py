"""Ranking of rows: the interval of each, and ranks from simultaneous comparisons of all pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from tta_bench.boards.resampling import Comparable, Resampled, comparable, resample_rows
from tta_bench.boards.rows import Row
from tta_bench.metrics import METRICS
from tta_bench.metrics.ranks import RankRange, better, ranks


class RankedRow(NamedTuple):
    """A row with its score, interval and rank."""

    row: Row
    score: float
    low: float | None
    high: float | None
    n_groups: int
    """Groups that the interval rests on."""
    rank: int | None
    """1 + the number of rows that are significantly better; None for a row that lacks a split."""
    lowest: int | None
    """The lowest rank that it may have: the number of rows minus those that are significantly worse."""
    rough: bool = False
    """Few groups say how alike their clips are, so the interval is wide."""


def rank_rows(rows: Sequence[Row], metric: str) -> list[RankedRow]:
    """Return the rows from best to worst, those that lack a split last, each with its interval and its rank.

    Ranks are from simultaneous comparisons of all pairs: of equally good rows, however many, any two are ranked apart
    on at most 5 % of boards.
    """
    sign = 1 if METRICS.describe(metric).higher_is_better else -1
    scores = {row: row.mean(metric) for row in rows}
    ordered = sorted(scores, key=lambda row: (bool(row.missing), -sign * scores[row], row.entries[0].link))
    alike = comparable(ordered, metric)
    resampled = resample_rows(alike)
    complete = [row for row in ordered if not row.missing]
    ranges = [*_rank_ranges(complete, alike), *[(None, None)] * (len(ordered) - len(complete))]
    return [
        RankedRow(row, scores[row], *_interval(row, metric, drawn), *found, drawn is not None and drawn.rough)
        for row, drawn, found in zip(ordered, map(resampled.get, ordered), ranges, strict=True)
    ]


def _rank_ranges(rows: Sequence[Row], alike: Iterable[Comparable]) -> list[RankRange]:
    """Return the rank of each row and the lowest that it may have, from simultaneous comparisons of all pairs.

    Rows are compared on the same samples of the same splits; a row whose samples are not there is compared with none.
    """
    place = {row: index for index, row in enumerate(rows)}
    above = np.zeros((len(rows), len(rows)), bool)
    for compared in alike:
        if compared.rows[0].missing:
            continue
        members = [place[row] for row in compared.rows]
        parts, noise = compared.contributions()
        above[np.ix_(members, members)] = better(parts if compared.metric.higher_is_better else -parts, noise)
    return ranks(above)


def _interval(row: Row, metric: str, resampled: Resampled | None) -> tuple[float | None, float | None, int]:
    """Return the ends of a row's interval and its number of groups; those of its record where it has just one."""
    if resampled is None:
        stated = row.first.metrics[metric]
        return (stated.low, stated.high, stated.n_groups) if len(row.entries) == 1 else (None, None, stated.n_groups)
    if resampled.n_groups < 2:
        return None, None, 1
    return *resampled.interval(row.mean(metric)), resampled.n_groups
