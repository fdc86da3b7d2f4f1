from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tta_bench.data.media import index_cache
from tta_bench.data.media.index_cache import REMEMBERED, Arrays, kept_numbers
from tta_bench.utils.paths import cache_folder


@pytest.fixture(autouse=True)
def nothing_is_kept_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_cache, "_remembered", {})
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "a.avi"
    path.write_bytes(b"frames")
    return path


def numbers(made: list[int], *values: int) -> Callable[[], Arrays]:
    """Return a function that gives numbers, and counts how often it is asked."""

    def make() -> Arrays:
        made.append(1)
        return {"numbers": np.array(values, np.int64)}

    return make


def test_numbers_are_made_once_and_then_remembered_or_read(video: Path) -> None:
    made: list[int] = []
    for _ in range(2):
        for _ in range(2):
            found = kept_numbers("kind", video, 9, numbers(made, 4, 5))
            assert found is not None
            assert [*found] == ["numbers"]
            assert found["numbers"].tolist() == [4, 5]
        index_cache._remembered.clear()
    assert made == [1]


@pytest.mark.parametrize(
    ("kind", "length", "content"), [("other", 9, b"frames"), ("kind", 8, b"frames"), ("kind", 9, b"more")]
)
def test_numbers_of_another_kind_length_or_file_are_made_anew(
    video: Path, kind: str, length: int, content: bytes
) -> None:
    made: list[int] = []
    kept_numbers("kind", video, 9, numbers(made))
    if content != video.read_bytes():
        video.write_bytes(content)
    kept_numbers(kind, video, length, numbers(made))
    assert made == [1, 1]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_file_that_cannot_be_read_is_made_again(video: Path, content: bytes) -> None:
    kept_numbers("kind", video, 9, numbers([], 1))
    (file,) = (cache_folder() / "kind").iterdir()
    file.write_bytes(content)
    index_cache._remembered.clear()
    made: list[int] = []
    kept_numbers("kind", video, 9, numbers(made, 1))
    assert made == [1]
    assert np.load(file)["length"] == 9


def test_what_cannot_be_made_is_not_kept(video: Path) -> None:
    assert kept_numbers("kind", video, 9, lambda: None) is None
    assert not (cache_folder() / "kind").exists()


def test_a_cache_that_cannot_be_written_stops_nothing(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(index_cache, "cache_folder", lambda: tmp_path / "file")
    assert kept_numbers("kind", video, 9, numbers([], 3)) is not None


def test_few_videos_are_remembered(tmp_path: Path) -> None:
    for number in range(REMEMBERED + 3):
        path = tmp_path / f"{number}.avi"
        path.touch()
        kept_numbers("kind", path, 9, numbers([], number))
    assert [found["numbers"].tolist() for found in index_cache._remembered.values()] == [
        [number] for number in range(3, REMEMBERED + 3)
    ]
