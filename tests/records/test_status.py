from __future__ import annotations

import re

import pytest

from tests.records.some_records import some_record
from tta_bench.records.status import last_word, now, outcome

SILENT_SINCE = "last heard of at 2026-11-22T10:00:30Z"


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-11-22T10:00:30Z", f"started, not finished; {SILENT_SINCE}"),
        ("2026-11-22T10:05:30Z", f"started, not finished; {SILENT_SINCE}"),
        ("2026-11-22T10:05:31Z", f"killed; {SILENT_SINCE}"),
        ("2026-11-23T10:00:30Z", f"killed; {SILENT_SINCE}"),
        ("2026-11-22T09:00:00Z", f"started, not finished; {SILENT_SINCE}"),  # clocks of two machines differ
    ],
)
def test_a_run_that_fell_silent_was_killed(moment: str, words: str) -> None:
    assert outcome(some_record(), moment) == words


def test_how_a_run_ended_does_not_change_with_time() -> None:
    assert outcome(some_record(status="error", cause="NaN loss"), now()) == "error: NaN loss"
    assert outcome(some_record(status="cancelled"), now()) == "cancelled"


def test_times() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", now())
    assert last_word(some_record()) == "2026-11-22T10:00:30Z"
    assert last_word(some_record(finished="2026-11-22T10:00:40Z")) == "2026-11-22T10:00:40Z"
