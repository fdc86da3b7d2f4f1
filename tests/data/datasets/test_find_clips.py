from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.data.datasets.find_clips import (
    clips_by_class,
    find_by_stem,
    is_clip,
    names_in,
    nearby,
    no_folder,
    read_lines,
    unknown_suffixes,
    what_is_in,
    without_previews,
)


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


def test_a_search_ends_where_links_form_a_circle(root: Path) -> None:
    (root / "a" / "again").symlink_to(root, target_is_directory=True)
    assert find_by_stem(root, ["one"]) == {"one": [root / "a/One.avi"]}


def test_thumbnails_make_no_clip(tmp_path: Path) -> None:
    for name in ("a/1.mp4", "a/1.jpg", "b/thumb.jpg", "b/deep/2.webm", "c/0001.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [is_clip(tmp_path / name) for name in "abc"] == [False, False, True]
    assert unknown_suffixes([tmp_path / "a"]) == {}


def test_what_lies_nearby_is_said(tmp_path: Path) -> None:
    (tmp_path / "root" / "lists").mkdir(parents=True)
    (tmp_path / "root" / "videos").mkdir()
    assert "the folder above" in nearby(tmp_path / "root" / "videos", ["lists"])
    assert f"the folder {tmp_path / 'root'} holds lists" in nearby(tmp_path, ["lists"])
    assert nearby(tmp_path / "root", ["none"]) == ""
    assert what_is_in(tmp_path / "root") == f"{tmp_path / 'root'} holds lists/, videos/"


@pytest.mark.parametrize("preview", ["a.gif", "a.mp4.gif", "a_preview.GIF", "a-thumb.gif"])
def test_a_gif_beside_its_video_is_a_preview_and_another_a_clip(tmp_path: Path, preview: str) -> None:
    paths = [tmp_path / name for name in ("a.mp4", preview, "b.gif")]
    assert without_previews(paths) == [paths[0], paths[2]]
    (tmp_path / "c").mkdir()
    for path in paths:
        (tmp_path / "c" / path.name).touch()
    assert [path.name for path in clips_by_class(tmp_path)["c"]] == ["a.mp4", "b.gif"]


@pytest.mark.parametrize(
    ("name", "said"), [("file", "file is no folder: it is a file."), ("gone", "gone does not exist.")]
)
def test_a_path_that_should_be_a_folder_is_called_what_it_is(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert no_folder(tmp_path / name).endswith(said)
