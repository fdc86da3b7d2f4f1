from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.data.datasets.layout import Sample
from tta_bench.data.datasets.shots import few_shots, shot_list
from tta_bench.errors import UserError

CLASSES = ("a", "b")


def samples(groups: int = 4, clips: int = 3) -> list[Sample]:
    return [
        Sample(f"{name}{group}{clip}", Path("x"), label, f"{name}{group}")
        for label, name in enumerate(CLASSES)
        for group in range(groups)
        for clip in range(clips)
    ]


def names(shots: int, fold: int = 0, split: int = 1) -> set[str]:
    return {sample.id for sample in few_shots(samples(), CLASSES, shots, "data", split, fold)}


@given(st.integers(1, 11), st.integers(0, 4))
def test_smaller_lists_are_contained_in_larger_ones(shots: int, fold: int) -> None:
    smaller, larger = names(shots, fold), names(shots + 1, fold)
    assert smaller < larger
    assert len(larger) == 2 * (shots + 1)


def test_a_few_shots_show_as_many_groups() -> None:
    found = few_shots(samples(), CLASSES, 4, "data", 1, 0)
    assert len({sample.group for sample in found}) == 8


def test_the_lists_depend_on_fold_and_split_and_not_on_the_order() -> None:
    assert len({frozenset(names(3, fold)) for fold in range(5)}) > 1
    assert names(3, split=1) != names(3, split=2)
    backwards = few_shots(samples()[::-1], CLASSES, 3, "data", 1, 0)
    assert {sample.id for sample in backwards} == names(3)


def test_a_class_with_too_few_clips_or_one_source_is_named() -> None:
    with pytest.raises(UserError, match=r"2 classes have fewer training clips than train\.shots=13: a \(12\)"):
        names(13)
    with pytest.raises(UserError, match="all training clips of 2 classes are of one group"):
        few_shots(samples(groups=1), CLASSES, 2, "data", 1, 0)
    assert len(few_shots(samples(groups=1), CLASSES, 1, "data", 1, 0)) == 2


@given(st.integers(1, 12), st.integers(0, 4), st.integers(1, 3))
def test_the_list_of_places_holds_every_smaller_list(most: int, fold: int, split: int) -> None:
    rows = shot_list(samples(), CLASSES, most, "data", split, fold)
    assert len(rows) == 2 * most
    for shots in range(1, most + 1):
        assert {sample.id for place, sample in rows if place <= shots} == names(shots, fold, split)
