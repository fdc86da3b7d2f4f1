"""No input, however damaged, puts a traceback on the screen, hangs, or ends with a code that means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.fuzzing import KINDS, Outcome, fuzz


def report(found: Outcome) -> str:
    """Return the counts, and what should not have been."""
    counts = [f"{name}: {times}" for name, times in sorted(found.codes.items())]
    return "\n".join([*counts, *found.wrong, *found.unforeseen.values()])


def test_a_hundred_damaged_inputs_end_in_a_line_each(tmp_path: Path) -> None:
    found = fuzz(tmp_path, trials=100, processes=0, begin=1)
    assert sum(found.codes.values()) >= 90
    assert {name.partition(":")[0] for name in found.codes} == set(KINDS)
    assert not found.wrong, report(found)
    assert not found.unforeseen, report(found)


@pytest.mark.acceptance
@pytest.mark.long
def test_ten_thousand_do_200_of_them_as_processes(tmp_path: Path) -> None:
    found = fuzz(tmp_path, trials=9_800, processes=200)
    print(report(found))
    assert not found.wrong, report(found)
