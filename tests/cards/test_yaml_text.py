from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.cards.files import read_card_data
from tta_bench.cards.yaml_text import MOST_LEVELS, line_of, read_text, read_yaml
from tta_bench.errors import UserError

NINE = "".join(f"a{n}: &a{n} [{', '.join(['*a' + str(n - 1)] * 9) if n else 'x, x'}]\n" for n in range(10))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, f"line 1: more than {MOST_LEVELS} sections"),
        ("a:\n  " + "{b: " * 50, "line 2: more than"),
        ("- " * 50 + "x", "line 1: more than"),
        ("? " * 90 + "x", "line 1: more than"),
        (NINE, r"line \d+: aliases make more than"),
        ("a: &a [*a]", r"line 1: \*a stands inside what it stands for"),
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' is given twice"),
        ("x: {b: 1, b: 2}", "line 1: the key 'b' is given twice"),
        ("n: " + "9" * 10_000, "line 1: a number of 10,000 characters"),
        ("n: -0." + "3" * 5_000, "line 1: a number of"),
        ('t: "\\e[31mred"', r"line 1: the character U\+001B"),
        ('t: "\\u202E"', r"U\+202E"),
        ("a: !!python/name:os.system x", "not plain YAML: line 1"),
        ("a: [1", "not plain YAML: line"),
        ("a: *gone", "undefined alias"),
        ("x" * 1_000_001, "at most 1,000,000"),
        ("? {a: 1}\n: 2", "unhashable"),
    ],
)
def test_what_goes_beyond_a_limit_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_yaml(text, "card.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", "010"),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("yes", "yes"),
        ("2026-13-45", "2026-13-45"),
        ("12", 12),
        ("-3", -3),
        ("1e-3", 1e-3),
        ("true", True),
        ("~", None),
        ("", None),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
    ],
)
def test_plain_values_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert read_yaml(text, "here") == value


@given(st.text(alphabet="ab:[]{}-&*!#'\"?|>,% \n\t1.", max_size=60))
def test_any_text_is_data_or_an_error(text: str) -> None:
    try:
        read_yaml(text, "here")
    except UserError as error:
        assert "\n" not in error.message  # noqa: PT017 - both endings are right


def write_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes("a: é".encode("latin-1")), "line 1: byte 0xe9 is not UTF-8"),
        (lambda path: path.write_bytes(b"a: 1\nb: \xff"), "line 2: byte 0xff is not UTF-8"),
        (lambda path: path.write_bytes("a: 1".encode("utf-16")), "is UTF-16"),
        (lambda path: path.write_bytes(b"#" * 1_000_001), "has 1,000,001 bytes"),
        (write_folder, "is no file"),
        (lambda path: path.write_text("_base_: card\n"), "_base_ leads back to the card itself"),
        (lambda path: path.write_text("1: 2\n"), "the key 1 is no text"),
        (lambda path: path.write_text("- a\n"), "is not a card: a list was found"),
        (lambda path: path.write_text(""), "is not a card: nothing was found"),
    ],
)
def test_a_file_that_is_no_card_is_named(tmp_path: Path, write: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "card.yaml"
    write(path)
    with pytest.raises(UserError, match=message) as error:
        read_card_data(path)
    assert str(path) in error.value.message


def test_two_cards_that_are_laid_on_each_other_are_refused(tmp_path: Path) -> None:
    for name, base in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"_base_: {base}\n")
    with pytest.raises(UserError, match="_base_ leads back to the card itself: .*a.yaml -> .*b.yaml -> .*a.yaml"):
        read_card_data(tmp_path / "a.yaml")


def test_a_mark_before_the_text_is_left_out_and_lines_are_found(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: net\nclip:\n  size: 4\n")
    assert read_yaml(read_text(path), "card")["name"] == "net"
    assert line_of(path, ["clip", "size"]) == 3
