from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tta_bench.metrics.ranks import RankRange, SeedNoise, better, ranks, sign_flips, student_draws


def contributions(draw: np.random.Generator, levels: list[float], groups: int = 60) -> NDArray[np.float64]:
    """Return parts of the scores of models with these chances of a hit, of five clips a group, alike in a group."""
    chance = np.clip(np.array(levels) + draw.normal(0, 0.15, (groups, 1)), 0, 1)
    return draw.binomial(5, chance) / (5.0 * groups)


def test_signs_are_keyed_and_fair() -> None:
    signs = np.concatenate(list(sign_flips(70, 2500)))
    assert signs.shape == (2500, 70)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(signs.mean()) < 0.01
    assert abs(signs[:, 0] @ signs[:, 69]) / 2500 < 0.08
    assert np.array_equal(signs, np.concatenate(list(sign_flips(70, 2500))))


def test_draws_of_t_have_its_tails() -> None:
    draws = student_draws(3, 4)
    assert np.quantile(draws, [0.025, 0.5, 0.975]) == pytest.approx([-2.776, 0, 2.776], abs=0.12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 30))
def test_ranks_are_of_the_models_not_of_their_order(seed: int, models: int, groups: int) -> None:
    draw = np.random.default_rng(seed)
    parts = contributions(draw, list(draw.uniform(0.2, 1, models)), groups)
    order = draw.permutation(models)
    above = better(parts, resamples=500)
    assert np.array_equal(better(parts[:, order], resamples=500), above[np.ix_(order, order)])
    assert not (above & above.T).any()
    assert np.array_equal(better(-parts, resamples=500), above.T)
    for rank, lowest in ranks(above):
        assert 1 <= rank <= lowest <= models


def test_models_far_apart_are_ranked_and_equal_ones_share() -> None:
    parts = contributions(np.random.default_rng(0), [0.9, 0.6, 0.6, 0.2])
    assert ranks(better(parts)) == [RankRange(1, 1), RankRange(2, 3), RankRange(2, 3), RankRange(4, 4)]


def test_few_groups_that_differ_separate_nothing() -> None:
    """Five groups that all speak for one model have a chance of 2 in 32 between equal ones; six have 2 in 64."""
    for groups, apart in ((1, False), (5, False), (6, True)):
        parts = np.zeros((40, 2))
        parts[:groups, 0] = 1
        assert better(parts)[0, 1] == apart
    assert not better(np.ones((40, 3))).any()


def test_luck_of_training_keeps_models_together() -> None:
    parts = contributions(np.random.default_rng(1), [0.8, 0.6])
    gap = parts.sum(axis=0) @ [1, -1]
    for deviation, apart in ((0.0, True), (gap / 6, True), (gap / 2, False)):
        noise = SeedNoise(np.array([deviation, deviation]) ** 2 / 2, freedom=4)
        assert better(parts, noise)[0, 1] == apart


def test_equal_models_are_seldom_ranked_apart() -> None:
    """Ten equal models on 40 groups: at most 5 % of boards may tell any two apart, here of 200 with a margin."""
    draw = np.random.default_rng(2)
    wrong = sum(better(contributions(draw, [0.9] * 10, 40), resamples=500).any() for _ in range(200))
    assert wrong <= 18
