from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.datasets.layout import Layout, Sample, Split
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
        ("a", "", "split 1 has 1 clips to train on and 0 to test on"),
        ("ab", "cb", "split 1 names 1 clips more than once: b"),
        ("aa", "b", "split 1 names 1 clips more than once: a"),
    ],
)
def test_empty_lists_and_repeated_ids_are_refused(train: str, test: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Layout(["wave"], {1: Split(tuple(map(sample, train)), tuple(map(sample, test)))})
