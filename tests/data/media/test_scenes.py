from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.data.clips import cut, plain_decode, write_video
from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.datasets.tiktok_actions import VideoList
from tta_bench.data.media import encode
from tta_bench.data.media.scenes import (
    Prepared,
    copy_lists,
    longest_scene,
    prepare_videos,
    require_scenedetect,
)
from tta_bench.errors import UserError


def write_scenes(path: Path, lengths: tuple[int, ...] = (20, 45, 25), shape: tuple[int, int] = (90, 121)) -> Path:
    """Write scenes of plain colours far from each other."""
    colours = [(200, 30, 30), (20, 220, 40), (20, 20, 60), (250, 250, 20)]
    pictures = (
        np.full((*shape, 3), colour, np.uint8)
        for length, colour in zip(lengths, colours, strict=False)
        for _ in range(length)
    )
    encode.write_video(path, pictures, Fraction(30), encode.h264("mp4"))
    return path


def test_without_the_extra_its_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "scenedetect", None)
    with pytest.raises(UserError) as caught:
        require_scenedetect()
    assert caught.value.hint == "pip install 'tta-bench[scenes]'"


def test_written_frames_are_the_frames(tmp_path: Path) -> None:
    frames = list(plain_decode(write_scenes(tmp_path / "a.mp4")))
    assert len(frames) == 90
    assert frames[0].shape == (90, 120, 3)
    assert np.abs(frames[30].astype(int) - (20, 220, 40)).max() < 12
    with av.open(str(tmp_path / "a.mp4")) as file:
        assert file.streams.video[0].average_rate == 30


class TestWithPySceneDetect:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("scenedetect", reason="the extra `scenes` is not installed")

    def test_the_longest_scene(self, tmp_path: Path) -> None:
        assert longest_scene(write_scenes(tmp_path / "a.mp4")) == (20, 65)
        assert longest_scene(write_scenes(tmp_path / "b.mp4", (50, 20, 20))) == (0, 50)
        assert longest_scene(write_scenes(tmp_path / "c.mp4", (60,))) is None

    def test_a_folder_is_prepared_and_not_done_again(self, tmp_path: Path) -> None:
        root, into = tmp_path / "root", tmp_path / "into"
        (root / "deep").mkdir(parents=True)
        (root / "frames").mkdir()
        (root / "frames" / "1.png").write_bytes(b"as it is")
        (root / "list.txt").write_text("a list")
        write_scenes(root / "deep" / "cut.avi")
        write_scenes(root / "cut.webm")
        whole = write_scenes(root / "whole.mp4", (40,))
        cut(whole, root / "broken.mp4", 0.5)
        before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
        done = prepare_videos(VideoList(root).videos(), root, into, 2)
        copy_lists(root, into)
        assert done.counts == {"cut": 2, "whole": 2, "before": 0}
        assert list(done.broken) == ["broken.mp4"]
        assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
        names = {path.relative_to(into).as_posix() for path in into.rglob("*") if path.is_file()}
        assert names == {"deep/cut.avi", "cut.webm", "whole.mp4", "frames/1.png", "list.txt"}
        assert (into / "whole.mp4").read_bytes() == whole.read_bytes()
        for name in ("deep/cut.avi", "cut.webm"):
            frames = list(plain_decode(into / name))
            assert len(frames) == 45
            assert all(np.abs(frame.astype(int) - (20, 220, 40)).max() < 12 for frame in frames)
        again = prepare_videos(VideoList(root).videos(), root, into, 2)
        assert again == Prepared({"cut": 0, "whole": 0, "before": 4}, done.broken)

    @pytest.mark.parametrize("into", [".", "inside", ".."])
    def test_nothing_is_written_over_the_source(self, into: str, tmp_path: Path) -> None:
        root = tmp_path / "root"
        root.mkdir()
        clip = Clip("a", write_video(root / "a.mp4", 5))
        with pytest.raises(UserError, match="one inside the other"):
            prepare_videos([clip], root, root / into, 1)
        assert [path.name for path in tmp_path.rglob("*.mp4")] == ["a.mp4"]

    def test_videos_elsewhere_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="not below"):
            prepare_videos([Clip("a", Path("/elsewhere/a.mp4"))], tmp_path / "root", tmp_path / "into", 1)
