"""Intensities of clips by a finished reaction run: those of its record, through the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cli.conftest import Done, command
from tests.data.clips import barcode, write_video
from tests.protocols.reaction.test_run import backbones, root, run
from tta_bench.cards.kinds import SOUND_RATE
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.protocols.predict import Finder
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


def write_talk(path: Path, sound: NDArray[np.float32], seconds: int) -> Path:
    """Write a video of so many seconds with a sound at 16 kHz that is kept as it is, ``float32 (S,)``."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=5)
        picture.width, picture.height, picture.pix_fmt = 160, 96, "yuv420p"
        heard = container.add_stream("pcm_s16le", rate=SOUND_RATE, layout="mono")
        for index in range(5 * seconds):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(barcode(index), format="rgb24")))
        frame = av.AudioFrame.from_ndarray((sound * 2**15).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
        container.mux(heard.encode(frame))
        for stream in (picture, heard):
            container.mux(stream.encode(None))
    return path


def noise(seconds: int, loud: int) -> NDArray[np.float32]:
    """Return noise of so many seconds that is silent after some."""
    values = np.random.default_rng(seconds).uniform(-0.5, 0.5, SOUND_RATE * seconds).astype(np.float32)
    values[SOUND_RATE * loud :] = 0
    return values


@pytest.mark.parametrize("backbone", ["hears", "looks+hears"])
def test_windows_have_the_sound_of_their_seconds_and_a_silent_one_none(
    backbone: str, root: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("backbones")
    run(root, tmp_path, f"backbone={backbone}", "clip.frames=2")
    (name,) = [path.stem for path in (tmp_path / "records").glob("*.json")]
    predictor = Finder(name, tmp_path, [f"data.root={root}"], ()).predictor()
    sound = noise(30, loud=15)
    long = list(predictor.along(write_talk(tmp_path / "long.mkv", sound, 30), 8))
    assert [(window.start, window.end) for window in long] == [(begin, begin + 12.0) for begin in (0, 8, 16, 24)]
    first, _, silent, last = (window.scores for window in long)
    assert np.abs(first - silent).max() > 1e-4
    if backbone == "hears":
        np.testing.assert_array_equal(silent, last)  # nothing to tell them apart
        short = write_talk(tmp_path / "short.mkv", sound[: 12 * SOUND_RATE], 12)
        np.testing.assert_allclose(predictor.whole(short), first, atol=1e-6)
    (whole,) = predictor.along(write_talk(tmp_path / "brief.mkv", noise(5, loud=5), 5), 8)
    assert np.isfinite(whole.scores).all()


@pytest.mark.parametrize("seconds", [2, 20])
@pytest.mark.parametrize("every", [None, 8])
def test_a_clip_without_sound_is_scored_by_its_picture_or_named(
    seconds: int, every: int | None, root: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    seen = write_talk(tmp_path / "seen.mkv", noise(seconds, loud=0), seconds)
    for backbone, code in (("hears", 1), ("looks+hears", 0)):
        work = tmp_path / backbone
        run(root, work, f"backbone={backbone}", "clip.frames=2")
        (name,) = [path.stem for path in (work / "records").glob("*.json")]
        words = ("predict", name, seen, f"data.root={root}", "--work-dir", work, "--format", "json")
        done = command(*words, *(() if every is None else ("--every", every)))
        assert done.code == code, done.err
        assert ("it has no sound, which hears needs" in done.err) == bool(code)
        assert code or len(json.loads(done.out)) in (len(EMOTIONS), 2 * len(EMOTIONS))
