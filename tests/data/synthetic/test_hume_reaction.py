from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import av
import numpy as np
import pytest

from tta_bench.cards.catalog import dataset_card
from tta_bench.data.datasets.hume_reaction import EMOTIONS, HumeReaction
from tta_bench.data.media.decode import count_frames
from tta_bench.data.synthetic.cache import DIGESTS, sample_root
from tta_bench.data.synthetic.hume_reaction import ReactionSampleSettings, generate_reaction_sample, plan, render
from tta_bench.errors import UserError

SMALL = {"train_subjects": 2, "train_clips": 2, "val_subjects": 1, "val_clips": 2, "test_subjects": 1, "frames": 6}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_root(tmp_path_factory.mktemp("cache"), "hume_reaction_sample", "HumeReaction", SMALL)


def test_it_is_a_hume_reaction(root: Path) -> None:
    dataset = HumeReaction(root)
    parts = {part: dataset.part(part) for part in ("train", "val", "test")}
    assert [len(clips) for clips in parts.values()] == [4, 2, 2]
    groups = [{clip.group for clip in clips} for clips in parts.values()]
    assert [len(names) for names in groups] == [2, 1, 1]
    assert len(set.union(*groups)) == 4, "a subject is in two parts"
    assert all(clip.targets and max(clip.targets) == 1 for clip in parts["train"] + parts["val"])
    assert [clip.targets for clip in parts["test"]] == [None, None]
    assert (root / "data_info.csv").read_text().startswith("File_ID,Split,Adoration,")


def test_its_default_size_is_120_and_40_clips_of_40_subjects() -> None:
    clips = list(plan(ReactionSampleSettings()))
    assert [sum(clip.part == part for clip in clips) for part in ("train", "val", "test")] == [120, 40, 8]
    assert len({clip.subject for clip in clips if clip.part != "test"}) == 40
    assert len({clip.targets for clip in clips}) == 168


def test_its_clips_have_picture_and_sound(root: Path) -> None:
    for path in root.rglob("*.mp4"):
        assert count_frames(path) == 6
        with av.open(str(path)) as container:
            assert container.streams.video[0].codec_context.name == "mpeg4"
            sound = container.streams.audio[0]
            assert (sound.codec_context.name, sound.rate, sound.channels) == ("aac", 16_000, 1)
            heard = np.concatenate([frame.to_ndarray() for frame in container.decode(sound)], axis=1)
        assert heard.shape[1] >= 6 / 12.5 * 16_000
        assert 1e-4 < np.std(heard) < 0.5
        assert b"Lavf" not in path.read_bytes()


def test_the_same_settings_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    again = generate_reaction_sample(tmp_path / "again", ReactionSampleSettings(**SMALL))
    other = generate_reaction_sample(tmp_path / "other", ReactionSampleSettings(**SMALL, seed=1))
    files = [path.relative_to(root) for path in root.rglob("*") if path.is_file() and path.name != DIGESTS]
    assert len(files) == 9
    assert all((root / file).read_bytes() == (again / file).read_bytes() for file in files)
    assert not any((root / file).read_bytes() == (other / file).read_bytes() for file in files)


def test_some_intensities_are_only_seen_and_some_only_heard() -> None:
    settings = ReactionSampleSettings(noise=0.0, frames=8)
    clip = replace(next(plan(settings)), targets=(0.5,) * 7)
    frames, sound = render(settings, clip)
    seen, heard = [], []
    for place in range(7):
        changed = replace(clip, targets=tuple(0.9 if k == place else 0.5 for k in range(7)))
        other, louder = render(settings, changed)
        seen.append(not np.array_equal(frames, other))
        heard.append(not np.array_equal(sound, louder))
    assert dict(zip(EMOTIONS, zip(seen, heard, strict=True), strict=True)) == {
        "Adoration": (True, False),
        "Amusement": (True, False),
        "Anxiety": (True, True),
        "Disgust": (True, True),
        "Empathic-Pain": (True, True),
        "Fear": (False, True),
        "Surprise": (False, True),
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"subjects": 3}, "unknown setting of the sample reactions"),
        ({"noise": "0.1"}, "must be a number"),
        ({"frames": 2.5}, "whole number"),
        ({"val_clips": 0}, "Train and val need clips"),
        ({"noise": 1.5}, "noise"),
        ({"size": 63}, "even"),
        ({"version": 9}, "version 9"),
    ],
)
def test_impossible_settings(tmp_path: Path, wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        sample_root(tmp_path / "cache", "sample", "HumeReaction", wrong)


def test_the_card_says_the_defaults() -> None:
    assert dataset_card("hume_reaction_sample").generator == asdict(ReactionSampleSettings())
