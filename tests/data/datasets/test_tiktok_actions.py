from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.clips import write_video
from tta_bench.data.datasets.tiktok_actions import TikTokActions, VideoList
from tta_bench.errors import UserError
from tta_bench.registry import DATASETS


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_both_are_registered() -> None:
    assert DATASETS.get("TikTokActions") is TikTokActions
    assert DATASETS.get("VideoList") is VideoList


def test_folders_are_hashtags_and_names_are_ids(tmp_path: Path) -> None:
    touch(tmp_path / "dance" / "71.mp4", tmp_path / "dance" / "72.webm", tmp_path / "run" / "9.1.mp4")
    touch(tmp_path / "run" / "notes.txt", tmp_path / "frames" / "73" / "1.jpg")
    found = {clip.id: (clip.hashtag, clip.path) for clip in TikTokActions(tmp_path).clips()}
    assert found == {
        "71": ("dance", tmp_path / "dance" / "71.mp4"),
        "72": ("dance", tmp_path / "dance" / "72.webm"),
        "9.1": ("run", tmp_path / "run" / "9.1.mp4"),
        "73": ("frames", tmp_path / "frames" / "73"),
    }


@pytest.mark.parametrize("name", ["manifest.csv", "other.csv"])
def test_a_manifest_says_path_hashtag_and_id(tmp_path: Path, name: str) -> None:
    touch(tmp_path / "dance" / "71.mp4", tmp_path / "y z.mp4")
    (tmp_path / name).write_text("id,hashtag,path\nA,run,deep/er/x.mp4\n'B,b',jump,y z.mp4\n".replace("'", '"'))
    clips = TikTokActions(tmp_path if name == "manifest.csv" else tmp_path / name).clips()
    assert [(clip.id, clip.hashtag) for clip in clips] == [("A", "run"), ("B,b", "jump")]
    assert clips[1].path == tmp_path / "y z.mp4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,id\na,b\n", "no column hashtag"),
        ("path,hashtag,id\na,b,c\n,b,c\na,b,\n", "in 2 lines: line 3, line 4"),
        ("path,hashtag,id\na,b,c\na,b\n", "1 lines of another length: line 3"),
        ("path,hashtag,id\n", "only its first line is there"),
    ],
)
def test_a_manifest_that_lacks_something(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        TikTokActions(tmp_path)
    assert "path,hashtag,id" in caught.value.hint


@pytest.mark.parametrize("root", ["gone", "."])
def test_no_clips(tmp_path: Path, root: str) -> None:
    with pytest.raises(UserError, match="there are no clips") as caught:
        TikTokActions(tmp_path / root)
    assert "<hashtag>" in caught.value.hint


def test_one_id_under_two_hashtags(tmp_path: Path) -> None:
    touch(tmp_path / "dance" / "71.mp4", tmp_path / "run" / "71.mp4", tmp_path / "run" / "72.mp4")
    corpus = TikTokActions(tmp_path)
    assert [(clip.id, clip.hashtag) for clip in corpus.clips()] == [("71", "dance"), ("72", "run")]
    assert "more than once, and are taken once: 71" in corpus.notes[0]


def test_videos_at_any_depth(tmp_path: Path) -> None:
    touch(tmp_path / "b.mp4", tmp_path / "a" / "x y.avi", tmp_path / "a" / "deep" / "z.mkv", tmp_path / "a" / "n.txt")
    touch(tmp_path / "frames" / "1.png", tmp_path / ".hidden" / "h.mp4")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert {clip.id for clip in VideoList(tmp_path).clips()} == {"b.mp4", "a/x y.avi", "a/deep/z.mkv", "frames"}
    assert {clip.hashtag for clip in VideoList(tmp_path).clips()} == {None}


def test_the_list_of_the_official_repositories(tmp_path: Path) -> None:
    touch(tmp_path / "frames" / "1.png", tmp_path / "frames" / "2.png")
    (tmp_path / "list.csv").write_text(f"a/x y.mp4 0 -1\n{tmp_path}/b.mp4 0 -1\n\nframes 1 2\n")
    clips = VideoList(tmp_path / "list.csv").clips()
    assert [clip.id for clip in clips] == ["a/x y.mp4", f"{tmp_path}/b.mp4", "frames"]
    assert [clip.path for clip in clips] == [tmp_path / "a/x y.mp4", tmp_path / "b.mp4", tmp_path / "frames"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.mp4\n", "line 1 is 'a.mp4'"),
        ("a.mp4 0 -1\nb.mp4 0 many\n", "line 2"),
        ("a.mp4 0 -1\na.mp4 0 -1\n", "names 'a.mp4' again"),
        ("frames 0 3\n", "a folder of 1 images"),
        ("a.mp4 0 250\n", "no folder of frames"),
        ("\n", "no videos"),
    ],
)
def test_a_list_that_makes_no_sense(tmp_path: Path, text: str, message: str) -> None:
    touch(tmp_path / "frames" / "1.png")
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        VideoList(tmp_path / "list.txt")
    assert caught.value.hint


def test_no_videos(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UserError):
            VideoList(root)


def test_a_folder_and_a_list_of_it_give_the_same_ids(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    write_video(tmp_path / "one" / "a.mp4", 3)
    (tmp_path / "list.txt").write_text("one/a.mp4 0 -1\n")
    assert VideoList(tmp_path).clips() == VideoList(tmp_path / "list.txt").clips()


@pytest.mark.parametrize("preview", ["1.gif", "1_thumb.gif"])
def test_previews_beside_videos_are_no_videos(tmp_path: Path, preview: str) -> None:
    for name in ("dance/1.mp4", f"dance/{preview}", "dance/2.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [clip.id for clip in VideoList(tmp_path).listing] == ["dance/1.mp4", "dance/2.gif"]
    assert [clip.id for clip in TikTokActions(tmp_path).listing] == ["1", "2"]


@pytest.mark.parametrize("name", ["x" * 5000, "a/" * 2500 + "b.mp4"])
def test_a_path_that_no_machine_can_have_is_no_clip(tmp_path: Path, name: str) -> None:
    (tmp_path / "list.txt").write_text(f"{name} 0 -1\n")
    (tmp_path / "frames.txt").write_text(f"{name} 0 16\n")
    (tmp_path / "manifest.csv").write_text(f"path,hashtag,id\n{name},dance,1\n")
    for read, message in (
        (lambda: VideoList(tmp_path / "list.txt"), "1 of 1 clip"),
        (lambda: VideoList(tmp_path / "frames.txt"), "wants 16 frames"),
        (lambda: TikTokActions(tmp_path), "1 of 1 clip"),
    ):
        with pytest.raises(UserError, match=message):
            read()
