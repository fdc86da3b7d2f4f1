from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.clips import write_video
from tta_bench.data.media import kept
from tta_bench.data.media.decode import read_frames, within_memory
from tta_bench.data.media.kept import KeptFrames

FRAMES = 40
change = partial(within_memory, frames=8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("kept") / "a.avi", bf="0", g="12")


@pytest.mark.parametrize(("total", "share"), [(FRAMES, 1), (3 * FRAMES, 3), (10**9, 0)])
def test_the_bytes_of_the_whole_list_are_told(clip: Path, total: int, share: int) -> None:
    reader = KeptFrames(total)
    assert reader.bytes == 0
    frames = reader.read(clip, range(FRAMES), FRAMES, change)
    assert reader.bytes == share * frames.nbytes


@given(indices=st.lists(st.integers(0, 2 * FRAMES), min_size=1, max_size=9))
def test_frames_are_those_that_decoding_gives(clip: Path, indices: list[int]) -> None:
    reader = KeptFrames(FRAMES)
    for _ in range(2):
        assert np.array_equal(reader.read(clip, indices, FRAMES, change), read_frames(clip, indices, change))


@pytest.mark.parametrize("indices", [[], [-1], [3, -2]])
def test_indices_that_are_none_are_refused_when_they_are_kept_too(clip: Path, indices: list[int]) -> None:
    reader = KeptFrames(FRAMES)
    reader.read(clip, [0], FRAMES, change)
    with pytest.raises(ValueError, match="frame indices"):
        reader.read(clip, indices, FRAMES, change)


@pytest.mark.parametrize(("total", "decoded"), [(FRAMES, 2), (10**9, 5)])
def test_a_video_is_decoded_once_where_the_whole_list_has_room(
    clip: Path, total: int, decoded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def read(*words: object) -> object:
        asked.append(len(words))
        return read_frames(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(kept, "read_frames", read)
    monkeypatch.setattr(kept, "read_counted_frames", lambda path, indices, _, change: read(path, indices, change))
    reader = KeptFrames(total)
    for start in range(4):
        reader.read(clip, [start, start + 1], FRAMES, change)
    assert len(asked) == decoded  # the first frame tells the size; then all at once, or every time


def test_what_is_kept_can_be_changed_without_harm(clip: Path) -> None:
    reader = KeptFrames(FRAMES)
    reader.read(clip, [0, 5], FRAMES, change)[:] = 7
    assert np.array_equal(reader.read(clip, [0, 5], FRAMES, change), read_frames(clip, [0, 5]))


def test_a_larger_video_among_small_ones_is_not_kept(clip: Path, tmp_path: Path) -> None:
    frame = int(read_frames(clip, [0]).nbytes)
    reader = KeptFrames(2 * FRAMES, 2 * FRAMES * frame - 1 + FRAMES)
    other = write_video(tmp_path / "b.avi", bf="0", g="12")
    for path in (clip, other, other):
        assert np.array_equal(reader.read(path, [1], FRAMES, change), read_frames(path, [1]))
    assert reader._bytes <= 2 * FRAMES * frame
