from __future__ import annotations

from tests.data.media.some_copies import PAIRS, clip, copy
from tta_bench.data.media.attested import attested, compare_copies


def test_contents_are_those_that_a_run_uses() -> None:
    parts = {"train": PAIRS["train"], "val": PAIRS["test"], "test": [("d", None)]}
    clips = dict(zip("abc", map(clip, (1, 2, 3)), strict=True))
    assert attested("hume_reaction", {1: parts}, clips).contents == copy(1, 2, 3).contents


def test_clips_of_two_copies_are_told_apart() -> None:
    first, second = copy(1, 2, 3), copy(1, 7, 8)
    second.clips["c"] = clip(8, "f" * 128)
    second.clips["d"] = clip(9)
    found = compare_copies(first, second)
    assert found == {"a": "same bytes", "b": "same pictures", "c": "other", "d": "only in the second"}
    assert compare_copies(second, first)["d"] == "only in the first"
