"""Intensities of clips by a finished reaction run: those of its record, through the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Done, command
from tests.data.clips import write_video
from tests.protocols.reaction.test_run import backbones, root, run
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.records.files import read_predictions

__all__ = ["backbones", "command", "root"]


@pytest.mark.usefixtures("backbones")
def test_the_intensities_are_those_of_the_record(root: Path, tmp_path: Path, command: Callable[..., Done]) -> None:
    record = run(root, tmp_path, "backbone=looks", "clip.frames=2")
    assert record.predictions is not None
    kept = read_predictions(tmp_path / "records" / record.predictions.name)
    (name,) = [path.stem for path in (tmp_path / "records").glob("*.json")]
    videos = [next(root.rglob(f"{id}.mp4")) for id in kept.ids[:2]]
    words = ("predict", name, *videos, f"data.root={root}", "--work-dir", tmp_path)
    done = command(*words, "--format", "json")
    assert done.code == 0, done.err
    rows = json.loads(done.out)
    assert len(rows) == 2 * len(EMOTIONS)
    for video, stored in zip(videos, kept.outputs[:2], strict=True):
        found = {row["emotion"]: row["intensity"] for row in rows if row["video"] == str(video)}
        np.testing.assert_allclose([found[emotion] for emotion in EMOTIONS], stored, atol=1e-6)
    assert [row["rank"] for row in rows[:7]] == [1, 2, 3, 4, 5, 6, 7]
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    done = command("predict", name, broken, videos[0], f"data.root={root}", "--work-dir", tmp_path, "--top", 1)
    assert done.code == 1
    assert "left out, unreadable" in done.err
    assert "intensity" in done.out
    done = command(*words, "--every", 1, "--format", "csv", "--top", 1)
    assert done.code == 0, done.err
    header, *lines = done.out.splitlines()
    assert header == "video,start,end,rank,emotion,intensity"
    assert [line.split(",")[1] for line in lines] == ["0.0", "0.0"]  # a clip of less than 12 seconds is one window


def test_windows_go_along_a_long_video(
    root: Path, tmp_path: Path, command: Callable[..., Done], request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("backbones")
    run(root, tmp_path, "backbone=looks", "clip.frames=2")
    (name,) = [path.stem for path in (tmp_path / "records").glob("*.json")]
    for seconds, starts in ((13, [0.0, 5.0]), (24, [0.0, 5.0, 10.0, 15.0])):
        write_video(tmp_path / "long.mp4", frames=25 * seconds)
        words = ("predict", name, tmp_path / "long.mp4", f"data.root={root}", "--work-dir", tmp_path)
        done = command(*words, "--every", 5, "--format", "json")
        assert done.code == 0, done.err
        rows = json.loads(done.out)
        assert list(dict.fromkeys(row["start"] for row in rows)) == starts
        assert len(rows) == len(starts) * len(EMOTIONS)
        assert all(np.isfinite(row["intensity"]) and row["end"] > row["start"] for row in rows)
