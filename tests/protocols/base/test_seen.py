from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.cards.kinds import Pretraining
from tta_bench.protocols.base.seen import KEY, Seen, digests, entry, notice, seen_of

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


RUN = Pretraining(data="ucf101, training list of split 1", labels=True)


def test_a_notice_names_data_split_and_labels_and_warns_of_test_clips() -> None:
    seen = Seen(digests("ucf101", ["a", "b", "c"]))
    warned = notice("run1", seen, RUN, "ucf101", ["b", "c", "d"])
    assert "trained on 2 of the 3 test clips (b, c)" in warned
    quiet = notice("run1", seen, RUN, "hmdb51", ["a", "b"])
    for said in (warned, quiet):
        assert "ucf101, training list of split 1 (with labels)" in said
    assert warned.startswith("warning:")
    assert quiet.endswith("no test clip is among them.")
    assert "without labels" in notice("run1", seen, RUN.model_copy(update={"labels": False}), "ucf101", ["d"])
    assert notice("file.pth", None, RUN, "ucf101", ["a"]) == ""


def test_a_checkpoint_that_says_nothing_or_nonsense_is_unknown() -> None:
    assert seen_of({}) is None
    for wrong in ([1, 2], torch.ones(3), torch.ones(2, 2, dtype=torch.int64)):
        assert seen_of({KEY: wrong}) is None
