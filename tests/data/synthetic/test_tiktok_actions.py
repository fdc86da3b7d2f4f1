from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.data.clips import plain_decode
from tta_bench.cards.catalog import dataset_card
from tta_bench.data.media.encode import FLAT_H264_MP4, write_video
from tta_bench.data.synthetic import tiktok_actions as sample
from tta_bench.data.synthetic.cache import sample_root
from tta_bench.data.synthetic.ucf101 import CLASSES, SampleSettings
from tta_bench.registry import DATASETS

SMALL = SampleSettings(seed=2, groups=2, test_groups=1, clips=1, frames=12, width=48, height=32)


def test_clips_lie_under_hashtags_in_mp4_files(tmp_path: Path) -> None:
    root = sample.generate_tiktok_actions_sample(tmp_path / "made", SMALL)
    clips = DATASETS.get("TikTokActions")(root).clips()
    assert len(clips) == 2 * len(CLASSES)
    assert {clip.hashtag for clip in clips} == {name.lower() for name in CLASSES}
    assert all(len(clip.id) == 19 and clip.path.suffix == ".mp4" for clip in clips)
    frames = np.stack(list(plain_decode(clips[0].path)))
    assert frames.shape == (12, 32, 48, 3)
    assert np.abs(frames.astype(int) - sample.render_clip(SMALL, CLASSES[0], 0)).mean() < 3


def test_the_same_settings_give_the_same_bytes(tmp_path: Path) -> None:
    roots = [sample.generate_tiktok_actions_sample(tmp_path / name, SMALL) for name in ("one", "other")]
    files = [sorted(root.rglob("*.mp4")) for root in roots]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]
    assert len({file.read_bytes() for file in files[0]}) == len(files[0])


@pytest.mark.parametrize("encoder", FLAT_H264_MP4.encoders)
def test_most_of_a_decoded_picture_is_flat(encoder: str, tmp_path: Path) -> None:
    if encoder not in av.codecs_available:
        pytest.skip(f"no encoder {encoder}")
    encoding = FLAT_H264_MP4._replace(encoders={encoder: FLAT_H264_MP4.encoders[encoder]})
    settings = SampleSettings(seed=2)
    noisy = flat = 0.0
    for number, name in enumerate(CLASSES):
        write_video(tmp_path / "clip.mp4", sample.render_clip(settings, name, number), 25, encoding)
        frames = np.stack(list(plain_decode(tmp_path / "clip.mp4"))).astype(float)
        tubes = frames.reshape(24, 2, 9, 8, 12, 8, 3).transpose(0, 2, 4, 1, 3, 5, 6).reshape(-1, 128, 3)
        spread = tubes.std(axis=1).max(axis=1)
        flat, noisy = flat + (spread == 0).mean() / 8, noisy + ((spread > 0) & (spread < 1)).mean() / 8
    assert flat > 0.6
    assert noisy < 0.12


def test_the_card_makes_160_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = dataset_card("tiktok_actions_sample")
    assert card.generator is not None
    monkeypatch.setattr(sample, "render_clip", lambda *_: None)
    monkeypatch.setattr(sample, "write_video", lambda path, *_: path.touch())
    root = sample_root(tmp_path, card.name, card.component, card.generator)
    assert len(DATASETS.get(card.component)(root).clips()) == 160
