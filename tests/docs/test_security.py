"""SECURITY.md names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+\.py(?:::\w+)?)`", (REPOSITORY / "SECURITY.md").read_text("utf-8"))))


def test_promises_name_tests() -> None:
    assert len(NAMED) >= 12


@pytest.mark.parametrize("name", NAMED)
def test_a_promise_has_its_test(name: str) -> None:
    path, _, test = name.partition("::")
    assert f"def {test}" in (REPOSITORY / path).read_text("utf-8")
