from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.metrics.paired import (
    detectable_difference,
    discordant,
    mcnemar_exact,
    paired_group_bootstrap,
    two_sided_p,
)

pairs = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 8)), min_size=1, max_size=50)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_swapping_the_models_mirrors_the_difference(rows: list[tuple[bool, bool, int]]) -> None:
    a, b, groups = (np.array(column) for column in zip(*rows, strict=True))
    one, other = (paired_group_bootstrap(x, y, groups, resamples=300) for x, y in ((a, b), (b, a)))
    assert (one.value, one.p) == (-other.value, other.p)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.low <= one.value <= one.high
    assert 0 < one.p <= 1
    assert mcnemar_exact(a, b) == mcnemar_exact(b, a)


def test_a_model_does_not_differ_from_itself() -> None:
    hits = np.array([True, False, True, True])
    same = paired_group_bootstrap(hits, hits, np.arange(4))
    assert same[:4] == (0, 0, 0, 1)
    assert mcnemar_exact(hits, hits) == 1


def test_one_that_is_always_ahead_is_told_apart() -> None:
    ahead = paired_group_bootstrap(np.ones(40), np.arange(40) % 3 == 0, np.arange(40) // 2)
    assert ahead.low > 0
    assert ahead.p == pytest.approx(2 / 10_001)


def test_pairing_narrows_the_interval() -> None:
    draw = np.random.default_rng(0)
    easy = draw.random(400)
    a, b = easy < 0.8, easy < 0.75
    paired = paired_group_bootstrap(a, b, np.arange(400))
    unpaired = paired_group_bootstrap(a, draw.permutation(b), np.arange(400))
    assert paired.high - paired.low < 0.7 * (unpaired.high - unpaired.low)


def test_mcnemar_is_a_fair_coin_over_the_discordant_samples() -> None:
    a, b = np.array([True] * 6 + [False] * 10), np.array([False] * 5 + [True] * 2 + [False] * 9)
    assert discordant(a, b) == (5, 1)
    assert mcnemar_exact(a, b) == pytest.approx(2 * (1 + 6) / 2**6)


def test_p_is_never_zero() -> None:
    assert two_sided_p(np.ones(99)) == pytest.approx(0.02)


def test_detectable_difference_of_the_official_lists() -> None:
    assert detectable_difference(3783, 0.06) == pytest.approx(0.011, abs=2e-4)
    assert detectable_difference(1530, 0.15) == pytest.approx(0.028, abs=3e-4)
    assert detectable_difference(1530, 0.25) == pytest.approx(0.036, abs=3e-4)
