from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from tta_bench.data.media.stat_cache import StatCache, file_stat


def test_a_result_is_valid_while_its_stamp_stays(tmp_path: Path) -> None:
    cache = StatCache(tmp_path / "cache.json", "decoder 1")
    assert cache.get("a", (1, 2)) is None
    cache.put("a", (1, 2), ["result", 3])
    cache.save()
    again = StatCache(tmp_path / "cache.json", "decoder 1")
    assert again.get("a", (1, 2)) == ["result", 3]
    assert again.get("a", (1, 3)) is None
    assert StatCache(tmp_path / "cache.json", "decoder 2").get("a", (1, 2)) is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"clips": {"a": [1, 0]}}', '{"decoder": "", "clips": [1]}']
)
def test_a_broken_cache_counts_as_empty(tmp_path: Path, content: str) -> None:
    (tmp_path / "cache.json").write_text(content)
    cache = StatCache(tmp_path / "cache.json")
    assert cache.get("a", (1,)) is None
    cache.put("a", (1,), [0])
    cache.save()
    assert json.loads((tmp_path / "cache.json").read_text())["clips"] == {"a": [1, 0]}


def test_a_stat_tells_changed_files_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    assert file_stat(folder)[:3] == (0, 0, 0)
    (folder / "1.png").write_bytes(b"123")
    os.utime(folder / "1.png", ns=(5, 5))
    assert file_stat(folder)[:3] == (3, 5, 1)
    assert file_stat(folder / "1.png")[:3] == (3, 5, 1)
    (folder / "2.png").write_bytes(b"")
    os.utime(folder / "2.png", ns=(9, 9))
    assert file_stat(folder)[:3] == (3, 9, 2)


def test_all_names_of_a_file_have_one_inode(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "hard").hardlink_to(tmp_path / "a")
    (tmp_path / "soft").symlink_to(tmp_path / "a")
    assert file_stat(tmp_path / "a") == file_stat(tmp_path / "hard") == file_stat(tmp_path / "soft")
    with pytest.raises(FileNotFoundError):
        file_stat(tmp_path / "gone")


def _write(file: Path, number: int) -> None:
    cache = StatCache(file, "a decoder")
    for index in range(10):
        cache.put(f"{number}-{index}", [index], ["kept"])
        cache.save()


@pytest.mark.parametrize("writers", [2, 4])
def test_processes_that_write_one_file_lose_nothing(tmp_path: Path, writers: int) -> None:
    context, file = multiprocessing.get_context("fork"), tmp_path / "new" / "found.json"
    started = [context.Process(target=_write, args=(file, number)) for number in range(writers)]
    for process in started:
        process.start()
    for process in started:
        process.join(30)
    assert [process.exitcode for process in started] == [0] * writers
    found = StatCache(file, "a decoder")
    assert all(found.get(f"{n}-{index}", [index]) == ["kept"] for n in range(writers) for index in range(10))


def test_what_was_put_here_goes_before_what_another_wrote(tmp_path: Path) -> None:
    ours, theirs = (StatCache(tmp_path / "found.json") for _ in range(2))
    ours.put("clip", [2], ["new"])
    theirs.put("clip", [1], ["old"])
    theirs.save()
    ours.save()
    assert StatCache(tmp_path / "found.json").get("clip", [2]) == ["new"]
