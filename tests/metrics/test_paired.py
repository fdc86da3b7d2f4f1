from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.metrics.paired import (
    design_effect,
    detectable_difference,
    discordant,
    group_size,
    mcnemar_exact,
    two_sided_p,
)

pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_swapping_the_models_mirrors_the_discordant_samples(rows: list[tuple[bool, bool]]) -> None:
    a, b = (np.array(column) for column in zip(*rows, strict=True))
    assert mcnemar_exact(a, b) == mcnemar_exact(b, a)
    assert discordant(a, b) == discordant(b, a)[::-1]
    assert mcnemar_exact(a, a) == 1


def test_a_tie_is_not_right() -> None:
    assert discordant(np.array([1.0, 0.5, 0.5, 1.0]), np.array([0.5, 1.0, 0.5, 1.0])) == (1, 1)


def test_mcnemar_is_a_fair_coin_over_the_discordant_samples() -> None:
    a, b = np.array([True] * 6 + [False] * 10), np.array([False] * 5 + [True] * 2 + [False] * 9)
    assert discordant(a, b) == (5, 1)
    assert mcnemar_exact(a, b) == pytest.approx(2 * (1 + 6) / 2**6)


def test_p_is_never_zero() -> None:
    assert two_sided_p(np.ones(99)) == pytest.approx(0.02)


def test_groups_raise_the_detectable_difference() -> None:
    groups = np.repeat(np.arange(4), [1, 1, 2, 4])
    assert group_size(groups) == pytest.approx(22 / 8)
    assert group_size(np.arange(9)) == 1
    assert design_effect(1, 0.4) == design_effect(6, 0) == 1
    plain, grouped = (detectable_difference(3783, 0.06, effect=effect) for effect in (1, design_effect(5.65, 0.4)))
    assert grouped == pytest.approx(plain * np.sqrt(2.86))


def test_detectable_difference_of_the_official_lists() -> None:
    assert detectable_difference(3783, 0.06) == pytest.approx(0.011, abs=2e-4)
    assert detectable_difference(1530, 0.15) == pytest.approx(0.028, abs=3e-4)
    assert detectable_difference(1530, 0.25) == pytest.approx(0.036, abs=3e-4)
