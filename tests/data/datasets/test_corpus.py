from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.data.datasets.corpus import Clip, Corpus, nested_subset
from tta_bench.errors import UserError

COUNTS = st.lists(st.integers(1, 30), min_size=1, max_size=12)
"""Clips of each hashtag."""


def corpus(counts: list[int]) -> list[Clip]:
    return [
        Clip(f"{hashtag}-{number}", Path(f"{hashtag}/{number}.mp4"), f"tag{hashtag}")
        for hashtag, count in enumerate(counts)
        for number in range(count)
    ]


def ids(clips: list[Clip]) -> set[str]:
    return {clip.id for clip in clips}


@given(COUNTS, st.data())
@settings(max_examples=50, deadline=None)
def test_a_larger_part_holds_every_smaller_one(counts: list[int], data: st.DataObject) -> None:
    clips = corpus(counts)
    small, large = sorted(data.draw(st.lists(st.integers(1, len(clips)), min_size=2, max_size=2)))
    assert len(nested_subset(clips, small)) == small
    assert ids(nested_subset(clips, small)) <= ids(nested_subset(clips, large))
    assert nested_subset(clips, len(clips)) == clips


@given(COUNTS, st.data())
@settings(max_examples=50, deadline=None)
def test_neither_order_nor_place_matters(counts: list[int], data: st.DataObject) -> None:
    clips = corpus(counts)
    count = data.draw(st.integers(1, len(clips)))
    elsewhere = [Clip(clip.id, Path("/mnt") / clip.path, clip.hashtag) for clip in clips]
    shuffled = data.draw(st.permutations(elsewhere))
    part = nested_subset(shuffled, count)
    assert ids(part) == ids(nested_subset(clips, count))
    assert part == [clip for clip in shuffled if clip in part]


@given(COUNTS, st.data())
@settings(max_examples=50, deadline=None)
def test_every_hashtag_gives_the_same_share_to_within_a_clip(counts: list[int], data: st.DataObject) -> None:
    clips = corpus(counts)
    taken = Counter(clip.hashtag for clip in nested_subset(clips, data.draw(st.integers(1, len(clips)))))
    least = max((taken[f"tag{tag}"] - 1) / count for tag, count in enumerate(counts))
    most = min((taken[f"tag{tag}"] + 1) / count for tag, count in enumerate(counts))
    assert least < most  # there is a share of which every hashtag's is within one clip


def test_hashtags_of_one_clip_are_not_taken_all_at_once() -> None:
    clips = corpus([1] * 400)
    assert 0 < len(nested_subset(clips, 40)) == 40
    mixed = corpus([1] * 200 + [1000])
    singles = sum(clip.hashtag != "tag200" for clip in nested_subset(mixed, 120))
    assert 8 <= singles <= 35  # a tenth of 200 is 20, three standard deviations either way


def test_the_parts_of_a_corpus_stay_what_they_are() -> None:
    """Other parts would be another study: a change here must raise the protocol's version."""
    part = nested_subset(corpus([5, 3, 8]), 5)
    assert [clip.id for clip in part] == GOLDEN


GOLDEN = ["0-0", "0-3", "2-3", "2-4", "2-5"]


@pytest.mark.parametrize("count", [0, -3, 17])
def test_a_part_larger_than_the_corpus_is_refused_with_the_arithmetic(count: int) -> None:
    with pytest.raises(UserError) as caught:
        nested_subset(corpus([5, 3, 8]), count)
    assert "the corpus has 16" in str(caught.value)
    assert ("1 too many" in str(caught.value)) == (count == 17)


def test_an_id_that_occurs_again_is_told_and_taken_once() -> None:
    twice = Corpus([Clip("a", Path("x/a.mp4"), "x"), Clip("a", Path("y/a.mp4"), "y"), Clip("b", Path("y/b.mp4"), "y")])
    assert [(clip.id, clip.hashtag) for clip in twice.clips()] == [("a", "x"), ("b", "y")]
    assert twice.notes[0].startswith("1 ids occur more than once, and are taken once: a (`")
    assert Corpus(twice.clips()).notes == ()
    assert [clip.id for clip in twice.videos()] == ["a", "y/a", "b"]


def test_a_corpus_has_no_split() -> None:
    with pytest.raises(UserError, match="neither classes nor a split 1"):
        Corpus([]).split(1)
