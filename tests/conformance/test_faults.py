"""Every known fault, and every kind of fault, has tests that hold it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TEXT = Path(__file__).with_name("faults.md").read_text("utf-8")
NUMBERS = range(1, 30)
KINDS = {
    "Silent wrong numbers": 18,
    "Tracebacks": 9,
    "Refused though right": 12,
    "Said unclearly": 11,
    "Security": 6,
    "Integrity of a run": 11,
    "Platforms": 6,
}
"""Kinds of faults of each section; a row that is taken out is missed."""


def rows(section: str) -> list[list[str]]:
    """Return the cells of each row below a heading."""
    text = re.split(rf"^#+ {re.escape(section)}$", TEXT, flags=re.M)[1]
    lines = [line for line in re.split(r"^#", text, flags=re.M)[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


@cache
def defined_in(file: str) -> frozenset[str]:
    """Return the names of the test functions of a file."""
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


ALL = [*rows("Faults of the campaign at commit dc8baf0"), *(row for section in KINDS for row in rows(section))]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", TEXT)))


def test_every_number_and_every_kind_is_here() -> None:
    assert [int(row[0]) for row in rows("Faults of the campaign at commit dc8baf0")] == list(NUMBERS)
    assert {section: len(rows(section)) for section in KINDS} == KINDS
    numbered = [int(row[0].split()[0]) for row in rows("Silent wrong numbers")]
    assert set(numbered) == set(range(1, 14))


@pytest.mark.parametrize("row", ALL, ids=lambda row: row[0])
def test_each_names_a_test_or_says_why_not(row: list[str]) -> None:
    assert len(row) == 3
    assert all(row)
    assert "::test_" in "".join(row[1:]) or row[-1].startswith("none: ")


@pytest.mark.parametrize("name", NAMED)
def test_the_test_exists(name: str) -> None:
    file, _, test = name.partition("::")
    assert test in defined_in(file)
