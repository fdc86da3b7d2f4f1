"""Agreement of two protocols: whether they rank the backbones that both have alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.boards.own_data import BoardKey
from tta_bench.boards.resampling import comparable, resample_rows
from tta_bench.boards.rows import Entry, Row, sort_into_sections
from tta_bench.cards.kinds import Tier
from tta_bench.metrics import METRICS
from tta_bench.metrics.intervals import resample_groups

LEAST = 3
"""Backbones of which an order can be compared: of two, any pair of orders agrees or is turned round."""


class Pair(NamedTuple):
    """One backbone with its weights, under both protocols."""

    backbone: str
    weights: str
    first: float
    second: float


@dataclass(frozen=True)
class Agreement:
    """Spearman's rank correlation of two protocols."""

    tier: Tier
    pairs: tuple[Pair, ...]
    rho: float | None
    """None where there are too few backbones, or all have one score."""
    low: float | None
    high: float | None
    with_groups: bool
    """The interval holds the luck of the test clips too, not only that of the backbones."""


def agreement(first: Sequence[Row], second: Sequence[Row], tier: Tier) -> Agreement:
    """Return the rank correlation of two protocols over the backbones, with their weights, that both have.

    The interval is the bootstrap's, between the 2.5th and 97.5th percentile: backbones are drawn anew and, where the
    outcomes of all are at hand, the groups of test clips too. Draws in which all have one score say nothing and are
    left out.

    Args:
        first: Measured rows of the first protocol.
        second: Those of the second.
        tier: The tier of all.
    """
    sides = [_by_backbone(rows) for rows in (first, second)]
    shared = sorted(sides[0].keys() & sides[1].keys())
    chosen = [[side[name] for name in shared] for side in sides]
    scores = [_signed(rows) for rows in chosen]
    pairs = tuple(
        Pair(backbone, weights, one.mean(_metric(one)), two.mean(_metric(two)))
        for (backbone, weights), one, two in zip(shared, *chosen, strict=True)
    )
    if len(shared) < LEAST:
        return Agreement(tier, pairs, None, None, None, False)
    rho = spearman(scores[0][None], scores[1][None])[0]
    resampled = [_resampled(rows) for rows in chosen]
    with_groups = all(side is not None for side in resampled)
    known = [side if side is not None else score[None] for side, score in zip(resampled, scores, strict=True)]
    drawn = _bootstrap(*(known if with_groups else [score[None] for score in scores]))
    if np.isnan(rho) or not len(drawn):
        return Agreement(tier, pairs, None, None, None, with_groups)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Agreement(tier, pairs, float(rho), float(low), float(high), with_groups)


def spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Spearman's rank correlation of each row, equal values sharing their mean rank; nan where one is constant.

    Args:
        x: ``(M, N)``.
        y: ``(M, N)``.
    """
    from scipy.stats import rankdata  # costs .4 s

    a, b = (rankdata(values, axis=1) for values in (x, y))
    a, b = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (a, b))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return found


def measured(entries: Sequence[Entry]) -> list[Row]:
    """Return the rows of a board's records that may be ranked."""
    return sort_into_sections(entries).measured


def tier_key(protocol: str, tier: Tier) -> BoardKey:
    """Return the place of a protocol's own board."""
    return BoardKey(protocol, tier)


def _by_backbone(rows: Sequence[Row]) -> dict[tuple[str, str], Row]:
    """Return one row for each backbone and its weights: of the fixed track before the tuned, then of the most runs."""
    found: dict[tuple[str, str], Row] = {}
    for row in sorted(rows, key=lambda row: (row.first.identity.track != "fixed", -len(row.entries))):
        weights = row.first.identity.weights
        found.setdefault((row.first.identity.backbone, "none" if weights is None else weights.name), row)
    return found


def _metric(row: Row) -> str:
    return row.first.identity.protocol.score


def _signed(rows: Sequence[Row]) -> NDArray[np.float64]:
    """Return the rows' scores, with the sign turned where less is better."""
    signs = [1 if METRICS.describe(_metric(row)).higher_is_better else -1 for row in rows]
    return np.array([sign * row.mean(_metric(row)) for sign, row in zip(signs, rows, strict=True)])


def _resampled(rows: Sequence[Row]) -> NDArray[np.float64] | None:
    """Return the rows' scores in resamples of groups, ``(resamples, rows)``; None where outcomes are not there."""
    if not rows:
        return None
    sign = 1 if METRICS.describe(_metric(rows[0])).higher_is_better else -1
    found = resample_rows(comparable(rows, _metric(rows[0])))
    return sign * np.stack([found[row].scores for row in rows], axis=1) if len(found) == len(rows) else None


def _bootstrap(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank correlation in resamples of backbones, and of groups where there is a row for each resample."""
    n = x.shape[1]
    drawn = np.concatenate(list(resample_groups(n, unit="backbone")))
    rows = np.arange(len(drawn))[:, None]
    found = spearman(*(values[rows % len(values), drawn] for values in (x, y)))
    return found[~np.isnan(found)]
