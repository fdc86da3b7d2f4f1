from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.data.overlap.some_clips import COARSE, copied, frames, write
from tests.data.overlap.test_traces import way
from tta_bench.data.overlap import find
from tta_bench.data.overlap.find import Overlap


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    first, second = tmp_path / "first", tmp_path / "second"
    for seed in range(2):
        write(first / f"a{seed}.avi", frames(way(seed), 0, 3))
    write(second / "copy.mp4", (copied(frame, (0.5, 0.5), 0.92, 120) for frame in frames(way(1), 1, 2)), COARSE)
    write(second / "other.avi", frames(way(7), 0, 2))
    return first, second


def test_two_folders_and_one(folders: tuple[Path, Path], command: Callable[..., Any], tmp_path: Path) -> None:
    done = command("data", "overlap", *folders, "--into", tmp_path / "found.json")
    assert "2 and 2 clips: 1 pair of near-duplicates, and 0 mirrored" in done.out
    assert "clips of the second that are in the first: 1" in done.out
    assert "+1.00 s" in done.out
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["corpora"] == ["first", "second"]
    assert [name.removesuffix(".mp4") for name in found["overlapping"]] == ["copy"]
    assert str(tmp_path) not in json.dumps(found)
    within = json.loads(command("data", "overlap", folders[0], "--json").out)
    assert (within["clips"], within["pairs"]) == ([2, 2], [])


@pytest.mark.parametrize("words", [("a", "b"), ("b", "--split", "1")])
def test_what_is_asked_must_be_one_corpus_or_two(
    words: tuple[str, ...], folders: tuple[Path, Path], command: Callable[..., Any]
) -> None:
    done = command("data", "overlap", folders[0], *words)
    assert done.code == 2
    assert "overlap is of one corpus or two" in done.err


def test_training_and_test_list_of_a_split_are_compared(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        find, "find_overlap", lambda first, second, _: Overlap((len(first), len(second)), (0, 0), (), 0)
    )
    done = command("data", "overlap", "ucf101_sample", "--split", "1", "--json")
    assert json.loads(done.out)["clips"] == [144, 96]
