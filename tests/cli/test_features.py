from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A folder of videos, of no dataset's layout."""
    settings = SampleSettings(groups=2, test_groups=1, clips=1, frames=6, width=32, height=24)
    return generate_ucf101_sample(tmp_path / "films", settings) / "UCF-101"


def features(command: Callable[..., Done], videos: Path, *words: str) -> Done:
    given = ("features", "backbone=videomaev2_vit_tiny", "weights=none", "dataset=videos", f"data.root={videos}")
    where = ("--into", videos.parent / "out", "--work-dir", videos.parent / "runs")
    return command(*given, "clip.size=16", "clip.frames=4", "runtime.workers=0", *words, *where)


def test_any_folder_of_videos_is_encoded(videos: Path, command: Callable[..., Done]) -> None:
    done = features(command, videos)
    assert done.code == 0, done.err
    assert "features of 16 videos (pooled)" in done.out
    assert len(json.loads((videos.parent / "out" / "manifest.json").read_text())["clips"]) == 16


def test_a_broken_video_is_named_and_the_others_go_on(videos: Path, command: Callable[..., Done]) -> None:
    broken = sorted(videos.rglob("*.avi"))[0]
    broken.write_bytes(b"no video")
    done = features(command, videos, "protocol=ucf101_probe")
    assert done.code == 1
    assert "features of 15 videos (tokens and pooled)" in done.out
    assert broken.stem in done.err


@pytest.mark.parametrize("words", [("protocol=ucf101_ft",), ("seed=0,1",)])
def test_features_are_of_one_frozen_backbone(
    words: tuple[str, ...], videos: Path, command: Callable[..., Done]
) -> None:
    done = features(command, videos, *words)
    assert done.code == 2
    assert "features are of one backbone" in done.err
