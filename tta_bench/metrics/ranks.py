"""Ranks of several models on the same samples, from simultaneous comparisons of all pairs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.metrics.intervals import LEVEL, RESAMPLES, in_place
from tta_bench.utils.keyed_random import key_bits

_BLOCK = 1000
"""Flips that are drawn at once."""


class SeedNoise(NamedTuple):
    """Variance of scores from the luck of training, estimated from runs that differ in their seed only."""

    variances: NDArray[np.float64]
    """``(K,)`` of each model's mean over its seeds; 0 for a model of one seed, whose luck is not known."""
    freedom: int
    """Degrees of freedom of the estimate, which the models share."""


class RankRange(NamedTuple):
    """Rank of a model: 1 + the number of models that are significantly better, and how far down it may stand."""

    rank: int
    lowest: int
    """Number of models minus those that are significantly worse."""


def sign_flips(n_groups: int, resamples: int = RESAMPLES) -> Iterator[NDArray[np.float64]]:
    """Yield blocks of ``(rows, n_groups)`` signs, each +1 or -1 with equal chance.

    The draws are keyed and depend on the number of groups alone. They are bits of Philox's raw words, which NumPy keeps
    from version to version (NEP 19).
    """
    bits = np.random.Philox(key=key_bits("signs", n_groups))
    words = (n_groups + 63) // 64
    for start in range(0, resamples, _BLOCK):
        rows = min(_BLOCK, resamples - start)
        raw = bits.random_raw((rows, words)).astype("<u8", copy=False).view(np.uint8)
        signs = np.unpackbits(raw, axis=1, count=n_groups, bitorder="little").astype(np.float64)
        signs *= -2.0
        signs += 1.0
        yield signs


def better(
    contributions: NDArray[np.float64],
    noise: SeedNoise | None = None,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> NDArray[np.bool_]:
    """Return the pairs of which the first model is significantly better, ``(K, K)``, all pairs at once.

    In each resample the labels of any two models are swapped within a random half of the groups, the same half for all
    pairs: the exact distribution of their difference if the two were equally good. A difference is divided by the root
    of the sum of its groups' squares, so that no pair dominates the largest of all pairs, with which each is compared.
    Pairs that are found apart leave the comparison, which is then repeated (stepdown). The probability of finding any
    two equal models apart is at most ``1 - level``, however many there are.

    Sources: Romano and Wolf 2005 (Econometrica 73, 1237) for the stepdown over resampled maxima; Mogstad, Romano,
    Shaikh and Wilhelm 2024 (Review of Economic Studies 91, 476) for ranks from all pairs; Fisher's sign flips.

    Args:
        contributions: ``(G, K)`` part of each model's score that a group contributes; a column's sum is the score, and
            more is better.
        noise: Variance from the luck of training, which is added to that of the groups.
        level: One minus the probability of any false difference.
        resamples: Number of resamples.
    """
    models = contributions.shape[1]
    first, second = np.triu_indices(models, 1)
    squares = _squares(contributions)[first, second]
    if noise is not None:
        squares += noise.variances[first] + noise.variances[second]
    scale = np.sqrt(squares)
    apart = np.zeros(len(first), bool)
    tested = scale > 0  # two models with the same hits in every group are not compared
    difference = contributions.sum(axis=0)
    statistic = _ratio(difference[first] - difference[second], scale)
    flipped = np.concatenate([signs @ contributions for signs in sign_flips(len(contributions), resamples)])
    if noise is not None and noise.variances.any():
        flipped += np.sqrt(noise.variances) * student_draws(models, noise.freedom, resamples)
    while tested.any():
        largest = _largest(flipped, first[tested], second[tested], scale[tested])
        # a rounding error must not turn a tie into a difference: few groups have few different sums
        reached = np.searchsorted(np.sort(largest), np.abs(statistic) * (1 - 1e-9), side="left")
        new = tested & ((resamples - reached + 1) / (resamples + 1) <= 1 - level)
        if not new.any():
            break
        apart |= new
        tested &= ~new
    above = np.zeros((models, models), bool)
    above[first, second] = apart & (statistic > 0)
    above[second, first] = apart & (statistic < 0)
    return above


def ranks(above: NDArray[np.bool_]) -> list[RankRange]:
    """Return each model's rank and the lowest it may have, given the pairs of which the first is better."""
    models = len(above)
    return [
        RankRange(1 + int(beaten), models - int(beats))
        for beaten, beats in zip(above.sum(axis=0), above.sum(axis=1), strict=True)
    ]


@lru_cache(maxsize=4)
def student_draws(models: int, freedom: int, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """Return draws of Student's t, ``(resamples, models)``: one estimate of the variance serves all of a resample.

    They are made of Philox's raw words, as the signs are: quantiles of the normal distribution, and of chi-square.
    """
    from scipy.special import gammaincinv, ndtri  # not needed where models have one seed

    bits = np.random.Philox(key=key_bits("seeds", models, freedom))
    words = bits.random_raw((resamples, models + 1)).astype("<u8", copy=False) >> np.uint64(11)
    uniform = (words.astype(np.float64) + 0.5) / 2**53
    variance = gammaincinv(freedom / 2, uniform[:, models:]) * 2 / freedom
    draws = np.asarray(ndtri(uniform[:, :models]) / np.sqrt(variance))
    draws.flags.writeable = False  # they are kept: boards and pages ask for the same ones
    return draws


def _squares(contributions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum over groups of each pair's squared difference, ``(K, K)``."""
    return np.stack([((contributions - column[:, None]) ** 2).sum(axis=0) for column in contributions.T])


def _ratio(numerator: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(numerator, scale, out=np.zeros_like(scale), where=scale > 0)


def _largest(
    flipped: NDArray[np.float64], first: NDArray[np.intp], second: NDArray[np.intp], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the largest absolute statistic over the given pairs in each resample, ``(resamples,)``."""
    largest = np.zeros(len(flipped))
    members = [(row, in_place(second[first == row]), scale[first == row, None]) for row in np.unique(first)]
    room = np.empty((flipped.shape[1], _BLOCK))
    for start in range(0, len(flipped), _BLOCK):  # a block stays in the processor's cache
        models = np.ascontiguousarray(flipped[start : start + _BLOCK].T)
        most = largest[start : start + _BLOCK]
        for row, others, scales in members:  # one model and those after it at a time: all pairs of 200 take 1.6 GB
            ratios = np.subtract(models[row], models[others], out=room[: len(scales), : len(most)])
            np.abs(ratios, out=ratios)
            ratios /= scales
            np.maximum(most, ratios.max(axis=0), out=most)
    return largest
