from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.data.datasets.find_clips import clips_by_class, find_by_stem, is_clip, locate, names_in, read_lines
from tta_bench.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three clips, one of them a folder of frames, and files that are none."""
    for name in ("a/One.avi", "b/two/0001.jpg", "b/deep/Three.mp4", "b/notes.txt", ".hidden/four.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_lines_end_in_any_way_and_blank_ones_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes("\ufeffone\r\n \ntwo\rthree".encode())
    assert read_lines(tmp_path / "list.txt") == ["one", "two", "three"]


def test_a_clip_is_a_video_or_a_folder_of_frames(root: Path) -> None:
    assert [is_clip(root / name) for name in ("a/One.avi", "b/two", "b/notes.txt", "b")] == [True, True, False, False]
    assert clips_by_class(root) == {"a": [root / "a/One.avi"], "b": [root / "b/two"]}
    assert names_in(root) == ["a", "b"]
    assert names_in(root / "a" / "One.avi") == []


def test_listed_paths_go_before_a_search_by_stem_that_ignores_case(root: Path) -> None:
    paths = locate(root, root / "a", ["One.avi", "x/TWO.avi", "three.webm", "gone.avi"])
    assert paths == {
        "One.avi": root / "a/One.avi",
        "x/TWO.avi": root / "b/two",
        "three.webm": root / "b/deep/Three.mp4",
    }


def test_a_stem_in_two_folders_is_an_error_with_both_paths(root: Path) -> None:
    (root / "c").mkdir()
    (root / "c" / "three.mkv").touch()
    with pytest.raises(UserError, match=r"found more than once: .*Three\.mp4 and .*three\.mkv|three\.mkv and .*Three"):
        locate(root, root, ["three.avi"])


def test_a_search_ends_where_links_form_a_circle(root: Path) -> None:
    (root / "a" / "again").symlink_to(root, target_is_directory=True)
    assert find_by_stem(root, ["one"]) == {"one": [root / "a/One.avi"]}
