from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.data.clips import cut, write_video
from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.datasets.tiktok_actions import VideoList
from tta_bench.data.media import manifest
from tta_bench.data.media.examine import Examined
from tta_bench.data.media.verify import VideoProblems, check_videos


def check(root: Path, cache: Path, least: int = 16) -> VideoProblems:
    return check_videos(VideoList(root).videos(), root, cache, workers=2, least=least)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are decoded, as they are."""
    paths: list[Path] = []
    count = manifest.examine

    def counted(path: Path) -> Examined:
        paths.append(path)
        return count(path)

    monkeypatch.setattr(manifest, "examine", counted)
    return paths


def test_every_kind_of_problem(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "deep").mkdir(parents=True)
    good = write_video(root / "good.mp4", 30)
    write_video(root / "other.mp4", 20)
    write_video(root / "short.mp4", 5)
    cut(good, root / "deep" / "broken.mp4", 0.6)
    (root / "empty.mp4").touch()
    (root / "gone.mp4").symlink_to(root / "nowhere.mp4")
    shutil.copyfile(good, root / "deep" / "copy.mp4")
    os.link(good, root / "link.mp4")
    found = check_videos(
        [*VideoList(root).videos(), Clip("gone", root / "gone.mp4")], root, tmp_path / "cache.json", 2, 16
    )
    assert found.videos == 8
    assert set(found.broken) == {"deep/broken.mp4", "gone.mp4"}
    assert found.broken["gone.mp4"] == "No such file or directory"
    assert found.empty == ["empty.mp4"]
    assert [sorted(group) for group in found.duplicates] == [["deep/copy.mp4", "good.mp4", "link.mp4"]]
    assert found.short == {"short.mp4": 5}
    assert found.count == 6


def test_good_videos_have_no_problems(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write_video(root / "a.mp4", 20)
    write_video(root / "b.mp4", 21)
    assert check(root, tmp_path / "cache.json") == VideoProblems(2, {}, [], [], {})
    assert check(root, tmp_path / "cache.json", least=21).short == {"a.mp4": 20}


def test_a_broken_files_copies_are_broken(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    cut(write_video(tmp_path / "whole.mp4", 30), root / "a.mp4", 0.5)
    shutil.copyfile(root / "a.mp4", root / "b.mp4")
    found = check(root, tmp_path / "cache.json")
    assert set(found.broken) == {"a.mp4", "b.mp4"}


def test_files_of_one_size_and_other_bytes_are_no_duplicates(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    content = write_video(root / "a.mp4", 20).read_bytes()
    (root / "b.mp4").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert check(root, tmp_path / "cache.json").duplicates == []


@pytest.mark.parametrize("copy", [os.link, shutil.copyfile])
def test_a_file_under_hundreds_of_names_is_decoded_once(copy, tmp_path: Path, decoded: list[Path]) -> None:
    root = tmp_path / "root"
    root.mkdir()
    one = write_video(tmp_path / "one.mp4", 20)
    for number in range(500):
        copy(one, root / f"{number}.mp4")
    other = write_video(root / "other.mp4", 25)
    found = check(root, tmp_path / "cache.json")
    assert [len(group) for group in found.duplicates] == [500]
    assert found.count == 499
    assert len(decoded) == 2
    assert other in decoded
    decoded.clear()
    assert check(root, tmp_path / "cache.json") == found
    assert decoded == []


def test_an_interrupted_check_resumes(tmp_path: Path, decoded: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for number in range(12):
        write_video(root / f"{number}.mp4", 16 + number)
    count = manifest.examine

    def stopped(path: Path) -> Examined:
        if len(decoded) >= 5:
            raise KeyboardInterrupt
        return count(path)

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "examine", stopped)
        with pytest.raises(KeyboardInterrupt):
            check(root, tmp_path / "cache.json")
    before = set(decoded)
    decoded.clear()
    assert check(root, tmp_path / "cache.json").count == 0
    assert 4 <= len(before) <= 7
    assert len(decoded) >= 5
    assert len(before & set(decoded)) <= 2  # one that was under way in each thread


def test_a_later_run_reuses_the_results(tmp_path: Path, decoded: list[Path]) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write_video(root / "a.mp4", 20)
    check(root, tmp_path / "cache.json")
    decoded.clear()
    assert manifest.check_clips(VideoList(root).clips(), tmp_path / "cache.json", 1).frames == {"a.mp4": 20}
    assert decoded == []
