from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.protocols.base.seen import KEY, Seen, digests, entry, seen_of, warning

NAMES = st.lists(st.text(max_size=8), max_size=12, unique=True)


@settings(max_examples=40, deadline=None)
@given(NAMES, NAMES, NAMES)
def test_what_was_seen_is_known_after_any_number_of_trainings(
    first: list[str], second: list[str], ask: list[str]
) -> None:
    before = seen_of({KEY: entry("data", first, None)})
    now = seen_of({KEY: entry("data", second, before)})
    assert now is not None
    assert now.among("data", ask) == [name for name in ask if name in {*first, *second}]
    assert now.among("others", ask) == []


def test_a_warning_counts_and_names_the_clips() -> None:
    seen = Seen(digests("ucf101", ["a", "b", "c"]))
    assert "trained on 2 of the 3 test clips (b, c)" in warning("w.pth", seen, "ucf101", ["b", "c", "d"])
    assert warning("w.pth", seen, "ucf101", ["d"]) == warning("w.pth", None, "ucf101", ["a"]) == ""


def test_a_checkpoint_that_says_nothing_or_nonsense_is_unknown() -> None:
    assert seen_of({}) is None
    for wrong in ([1, 2], torch.ones(3), torch.ones(2, 2, dtype=torch.int64)):
        assert seen_of({KEY: wrong}) is None
