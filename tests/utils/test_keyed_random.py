from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.utils.keyed_random import canonical_json, digest, generator, key_bits, torch_seed

parts = st.lists(st.one_of(st.integers(0, 2**40), st.text(max_size=8)), min_size=1, max_size=4)


@given(parts)
def test_the_same_key_gives_the_same_draws(key: list[int | str]) -> None:
    assert np.array_equal(generator(*key).integers(0, 2**60, 5), generator(*key).integers(0, 2**60, 5))


@given(parts, parts)
def test_another_key_gives_other_bits(one: list[int | str], other: list[int | str]) -> None:
    assert (key_bits(*one) == key_bits(*other)) == (one == other)


def test_a_number_is_not_its_text() -> None:
    assert key_bits(1, "2") != key_bits("1", 2)
    assert key_bits("a", "b") != key_bits("ab")


def test_draws_are_the_ones_of_version_1() -> None:
    assert generator(0, "order", 3).integers(0, 1000, 4).tolist() == [836, 43, 749, 13]


@given(parts)
def test_torch_takes_the_seed(key: list[int | str]) -> None:
    assert 0 <= torch_seed(*key) < 2**63


def test_equal_values_have_one_digest() -> None:
    assert canonical_json({"b": 1, "a": [1.5, None]}) == '{"a":[1.5,null],"b":1}'
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
