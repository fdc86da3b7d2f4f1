from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.data.datasets.reaction_ids import as_number, ids_as_listed, near_ids, without_suffix


@pytest.mark.parametrize(("id", "bare"), [("02032.mp4", "02032"), ("a.WAV", "a"), ("9.1", "9.1"), ("x", "x")])
def test_suffixes_are_no_part_of_an_id(id: str, bare: str) -> None:
    assert without_suffix(id) == bare


def test_ids_are_matched_with_and_without_suffix() -> None:
    assert ids_as_listed(["1.mp4", "2", "9"], ["1", "2"]) == ["1", "2", "9"]
    assert ids_as_listed(["1", "2.mp4"], ["1.mp4", "2.mp4"]) == ["1.mp4", "2.mp4"]


@given(st.integers(0, 99_999))
def test_a_number_is_recognised_however_it_is_written(number: int) -> None:
    assert as_number(f"{number:05d}") == as_number(str(number)) == as_number(f"{number}.0") == str(number)
    assert near_ids([str(number)], [f"{number:06d}"]).startswith(" Of these, 1 have lost leading zeros")


def test_words_are_no_numbers() -> None:
    assert as_number("clip7") is None
    assert near_ids(["clip7", "8"], ["7", "clip07"]) == ""
