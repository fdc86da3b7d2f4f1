from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.data.datasets.listed_ids import ids_as_listed, near_ids, plain_number, without_suffix


@pytest.mark.parametrize(("id", "bare"), [("02032.mp4", "02032"), ("a.WAV", "a"), ("9.1", "9.1"), ("x", "x")])
def test_suffixes_are_no_part_of_an_id(id: str, bare: str) -> None:
    assert without_suffix(id) == bare


def test_ids_are_matched_with_and_without_suffix() -> None:
    assert ids_as_listed(["1.mp4", "2", "9"], ["1", "2"]) == ["1", "2", "9"]
    assert ids_as_listed(["1", "2.mp4"], ["1.mp4", "2.mp4"]) == ["1.mp4", "2.mp4"]


@given(st.integers(0, 99_999))
def test_a_number_is_recognised_however_it_is_written(number: int) -> None:
    assert plain_number(f"{number:05d}") == plain_number(str(number)) == plain_number(f"{number}.0") == str(number)
    assert near_ids([str(number)], [f"{number:06d}"]).startswith(" Of these, 1 have lost leading zeros")


def test_ids_lose_what_the_list_does_not_have() -> None:
    given = ["v_A_g01", "A/v_A_g02.avi", "D:\\ucf\\A\\v_A_g03.MP4", "v.1", "other.txt"]
    assert ids_as_listed(given, ["v_A_g01", "v.1"]) == ["v_A_g01", "v_A_g02", "v_A_g03", "v.1", "other.txt"]
    assert ids_as_listed(["A/v.avi"], ["A/v.avi"]) == ["A/v.avi"]


def test_folder_and_suffix_count_only_where_they_tell_samples_apart() -> None:
    assert ids_as_listed(["v_1", "a/v_2.avi"], ["v_1.mp4", "v_2"]) == ["v_1.mp4", "v_2"]
    assert ids_as_listed(["v_1"], ["a/v_1.mp4", "b/v_1.mp4"]) == ["v_1"]
    assert ids_as_listed(["v_1.mp4"], ["v_1.mp4", "v_1.avi"]) == ["v_1.mp4"]


def test_ids_without_numbers_are_like_nothing() -> None:
    assert plain_number("clip") is None
    assert near_ids(["clip", "8"], ["7", "clips"]) == ""


@pytest.mark.parametrize(("id", "plain"), [("v_007_c01", "v_7_c1"), ("'0.mp4", "0"), ("000", "0"), ("10", "10")])
def test_zeros_are_lost_before_digits_only(id: str, plain: str) -> None:
    assert plain_number(id) == plain
