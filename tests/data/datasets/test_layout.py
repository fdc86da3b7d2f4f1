from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.datasets.layout import Layout, Sample, Split, listed_split
from tta_bench.errors import UserError


def sample(name: str) -> Sample:
    return Sample(name, Path(f"{name}.mp4"), 0, name)


def test_splits_are_by_number_and_every_video_is_listed_once() -> None:
    a, b, c = map(sample, "abc")
    layout = Layout(["wave"], {2: Split((a,), (b,)), 1: Split((b,), (a, c))})
    assert (layout.classes, layout.splits) == (("wave",), (1, 2))
    assert layout.split(2).test == (b,)
    assert sorted(layout.videos(), key=lambda clip: clip.id) == [Clip(name, Path(f"{name}.mp4")) for name in "abc"]
    with pytest.raises(UserError, match=r"unknown split '3'\.\nKnown: 1, 2\."):
        layout.split(3)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ("", "a", "split 1 has 0 clips to train on and 1 to test on"),
        ("a", "", "split 1 has 1 clip to train on and 0 to test on"),
        ("ab", "cb", "split 1 names 1 clip more than once: b"),
        ("aa", "b", "split 1 names 1 clip more than once: a"),
    ],
)
def test_empty_lists_and_repeated_ids_are_refused(train: str, test: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Layout(["wave"], {1: Split(tuple(map(sample, train)), tuple(map(sample, test)))})


def ids(samples: Iterable[Sample]) -> str:
    return "".join(sample.id for sample in samples)


@given(st.text("abcdef"), st.text("abcdef"), st.sets(st.sampled_from("abcdef")))
def test_a_split_of_lists_loses_no_entry_and_keeps_each_clip_once(train: str, test: str, lost: set[str]) -> None:
    split = listed_split(list(map(sample, train)), list(map(sample, test)), {Path(f"{name}.mp4") for name in lost})
    kept = ids(split.train) + ids(split.test)
    assert len(set(kept)) == len(kept)
    assert set(kept) == set(train + test) - lost
    assert set(ids(split.test)) == set(test) - lost
    for side, entries in (("train", train), ("test", test)):
        assert sorted(ids(split.there(side)) + ids(split.lost.get(side, ()))) == sorted(entries)
        assert set(ids(split.lost.get(side, ()))) == set(entries) & lost


def test_clips_without_a_file_and_clips_that_are_named_again_are_told() -> None:
    split = listed_split(list(map(sample, "abb")), list(map(sample, "cd")), {Path("a.mp4"), Path("d.mp4")})
    layout = Layout(["wave"], {1: split})
    assert layout.holes() == (
        "2 of 4 listed clips have no file: a, d",
        "1 of 4 listed clips are named again, and are taken once: b",
    )
    assert sorted(clip.id for clip in layout.videos()) == list("abcd")
    assert ids(split.listed("test")) == "cd"
    with pytest.raises(UserError, match="0 clips to train on and 1 to test on: 1 entries of its lists have no file"):
        Layout(["wave"], {1: listed_split([sample("a")], [sample("b")], {Path("a.mp4")})})
