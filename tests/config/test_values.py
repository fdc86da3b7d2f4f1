from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from tta_bench.config.values import bare_type, read_value, shown
from tta_bench.errors import UserError

Workers = Annotated[int, Field(ge=0)] | Literal["auto"]


@given(st.integers(-(10**30), 10**30))
def test_whole_numbers_are_what_is_written(number: int) -> None:
    assert read_value("n", str(number), int) == number
    assert read_value("n", f"{number},{number}", tuple[int, ...]) == [number, number]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_what_is_written(number: float) -> None:
    assert read_value("x", repr(number), float) == number


GUESSED = """
010 -007 0x10 0b11 0o17 1:30 1_000 yes True on 1e3 4.0 0-2 1..3 ² ٣ nan inf [1] 1,2 null +-1 --1 ½
"""


@pytest.mark.parametrize("text", [*GUESSED.split(), "1 2", "9" * 10_000])
def test_what_yaml_or_python_would_guess_is_no_whole_number(text: str) -> None:
    with pytest.raises(UserError, match=r"^seed=.*a whole number was expected"):
        read_value("seed", text, int)


@pytest.mark.parametrize("text", ["nan", "-inf", ".inf", "1e999", "0,001", "01.5", "1_0.5", "1:30", "yes", "1e", "٣.5"])
def test_what_is_not_finite_or_has_no_point_is_no_number(text: str) -> None:
    with pytest.raises(UserError, match=r"^train\.lr=.*a number was expected"):
        read_value("train.lr", text, float)


@pytest.mark.parametrize(
    ("text", "kind", "hint"),
    [
        ("010", int, "Write 10."),
        ("1_000", int, "Write 1000."),
        ("1e3", int, "Write 1000."),
        ("0-2", tuple[int, ...], "Lists are written with commas: 0,1,2."),
        ("0,001", float, "decimals have a point"),
    ],
)
def test_what_was_meant_is_said(text: str, kind: Any, hint: str) -> None:
    with pytest.raises(UserError) as error:
        read_value("key", text, kind)
    assert hint in str(error.value)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("none", float | None, None),
        ("null", tuple[int, ...] | None, None),
        ("None", str | None, None),
        ("none", str, "none"),
        ("auto", Workers, "auto"),
        ("8", Workers, 8),
        ("3", Literal[1, 3], 3),
        ("No", bool, False),
        ("[1, 2]", tuple[int, ...], [1, 2]),
        ("(1,)", tuple[int, ...], [1]),
        ("0.9,.95", tuple[float, float], [0.9, 0.95]),
        ("~/a,b", Path, "~/a,b"),
        ("{a: 1}", dict[str, Any], {"a": 1}),
        ("a,b", Any, ["a", "b"]),
    ],
)
def test_a_text_is_read_as_the_type_of_its_key(text: str, kind: Any, value: object) -> None:
    assert read_value("key", text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("", str, "key is empty"),
        ("  ", Path, "key is empty"),
        ("1,,2", tuple[int, ...], "a value is missing between two commas"),
        ("0.9", tuple[float, float], "2 values were expected"),
        ("Auto", Workers, "Did you mean 'auto'"),
        ("fast", float | None, "or null for none"),
        ("tset", Literal["train", "test"], "Did you mean 'test'"),
        ("maybe", bool, "true or false was expected"),
        ("2", Literal[1, 3], "Known: 1, 3"),
    ],
)
def test_what_is_no_value_is_said(text: str, kind: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_value("key", text, kind)


@given(st.text(max_size=40), st.sampled_from([int, float, bool, int | None, tuple[int, ...], Literal["a", 1], Workers]))
def test_any_text_is_a_value_or_an_error(text: str, kind: Any) -> None:
    try:
        value = read_value("key", text, kind)
    except UserError:
        return
    assert not isinstance(value, float) or math.isfinite(value)


def test_a_long_value_is_cut_and_annotations_are_taken_off() -> None:
    assert shown("x" * 100) == f"{'x' * 60}... (100 characters)"
    assert bare_type(Annotated[Annotated[int, 1], 2]) is int
