from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.utils.printable import counted, first_control, one_line, ordinal, printable


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    assert not [letter for letter in printable(text) if unicodedata.category(letter) == "Cc" and letter not in "\n\t"]
    assert first_control(printable(text)) is None
    assert not {"\n", "\t", "\u2028"} & set(one_line(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb", r"a\x0db"),
        ("\u202eabc", r"\u202eabc"),
        ("\ud800", r"\ud800"),
        ("é 字 😀\n\t", "é 字 😀\n\t"),
    ],
)
def test_steering_characters_are_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("numbers", "ending"),
    [((1, 21, 101), "st"), ((2, 22, 1002), "nd"), ((3, 33, 123), "rd"), ((0, 4, 10, 11, 12, 13, 20, 111, 212), "th")],
)
def test_a_place_in_a_row_has_its_english_ending(numbers: tuple[int, ...], ending: str) -> None:
    assert [ordinal(number) for number in numbers] == [f"{number}{ending}" for number in numbers]


def test_one_thing_is_not_several() -> None:
    assert [counted(number, "clip") for number in (0, 1, 2, 1000)] == ["0 clips", "1 clip", "2 clips", "1,000 clips"]
    assert [counted(number, "class", "classes") for number in (1, 8)] == ["1 class", "8 classes"]
