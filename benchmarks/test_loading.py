"""A training sample beside the official dataset class, a test sample beside MMAction2 with Decord; one core each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pytest
import torch

from benchmarks.interleaved import as_shares, interleaved, share
from benchmarks.peers import MMACTION2, OFFICIAL, absent, official_module, say_absent
from benchmarks.videos import BareDecoding, kinetics_like, megabits, tiktok_like_with_twice_the_bits, ucf101_like
from tta_bench.data import loading
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.media.decode import count_frames
from tta_bench.data.transforms.sampling import SAMPLERS, train_indices
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.fine_tune import Augmentation, EvalSettings, TrainSettings
from tta_bench.models.backbones.mmaction2_compat import import_mmaction
from tta_bench.utils.keyed_random import generator

OURS = "tta-bench"
BARE = "bare decoding of ours"
CLIP = ResolvedClip(span=64, frames=16, stride=4, size=224)
RAND_AUGMENT = "rand-m7-n4-mstd0.5-inc1"
SEGMENTS, CROPS = 5, 3


@pytest.fixture(autouse=True)
def one_core() -> Iterator[None]:
    """Give every contender one core, as a loader's worker has."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@pytest.mark.parametrize(
    ("make", "wanted"), [(ucf101_like, 0.25), (kinetics_like, 0.35), (tiktok_like_with_twice_the_bits, 0.5)]
)
def test_a_training_sample_takes_a_share_of_the_official_time(
    make: Callable[[Path], Path], wanted: float, tmp_path: Path
) -> None:
    video = make(tmp_path)
    print(f"\ntraining sample, 16 x 4 frames at 224, two augmented views, {video.name} ({megabits(video):.1f} Mbit/s):")
    say_absent((OFFICIAL,))
    if OFFICIAL in absent():
        pytest.skip("no peer is at hand")
    ours, official, bare = our_training(video), official_training(video), our_bare_training(video)
    assert ours()["clips"].shape == (2, 16, 224, 224, 3)
    assert [clip.shape for clip in official()[0]] == 2 * [(3, 16, 224, 224)]
    turns = interleaved({OURS: ours, OFFICIAL: official, BARE: bare}, rounds=10 if "tiktok" in video.name else 30)
    print(as_shares(turns, OURS))
    assert share(turns, OURS, OFFICIAL).processor <= wanted


def test_a_test_sample_takes_a_share_of_mmaction2s_time(tmp_path: Path) -> None:
    video = ucf101_like(tmp_path)
    print(f"\ntest sample, {SEGMENTS} clips x {CROPS} crops of 16 x 4 frames at 224:")
    say_absent((MMACTION2, OFFICIAL))
    if MMACTION2 in absent():
        pytest.skip("no peer is at hand")
    tested, bare = SAMPLERS["dense"].test(count_frames(video), CLIP.frames, CLIP.stride, SEGMENTS), BareDecoding(video)
    contenders = {
        OURS: our_test(video),
        MMACTION2: mmaction2_test(video),
        BARE: lambda: bare(tested.reshape(-1).tolist()),
    }
    assert contenders[OURS]()["clips"].shape == (15, 16, 224, 224, 3)
    assert contenders[MMACTION2]()["inputs"].shape == (15, 3, 16, 224, 224)
    if OFFICIAL not in absent():
        contenders[OFFICIAL] = official_test(video)
    turns = interleaved(contenders, rounds=10)
    print(as_shares(turns, OURS))
    assert share(turns, OURS, MMACTION2).processor <= 0.3


def our_bare_training(video: Path) -> Callable[[], Any]:
    """Return the bare decoding of one item's frames after another."""
    length, bare, epochs = count_frames(video), BareDecoding(video), itertools.count()

    def decode() -> int:
        start = generator(0, next(epochs), "video", "start")
        return bare(train_indices(length, CLIP.frames, CLIP.stride, start).tolist())

    return decode


def our_training(video: Path) -> Callable[[], Any]:
    """Return one item of the suite's training clips after another, of a list too long for its frames to be kept."""
    train = TrainSettings(batch=1, views=2, lr=1e-3, augment=Augmentation(rand_augment=RAND_AUGMENT))
    listed = [our_sample(video), Sample(id="another", path=video, label=0, group="g")]
    clips = loading.TrainClips(listed, {"video": count_frames(video), "another": 10**7}, CLIP, train, seed=0)
    epochs = iter(range(10_000))
    return lambda: clips[next(epochs), 0]


def our_test(video: Path) -> Callable[[], Any]:
    """Return the item of the suite's test clips."""
    evaluation = EvalSettings(segments=SEGMENTS, crops=CROPS)
    clips = loading.TestClips([our_sample(video)], {"video": count_frames(video)}, CLIP, evaluation, seed=0)
    return lambda: clips[0]


def our_sample(video: Path) -> Sample:
    return Sample(id="video", path=video, label=0, group="g")


def official_training(video: Path) -> Callable[[], Any]:
    """Return one item of the official class after another, with the arguments of its UCF101 script."""
    args = SimpleNamespace(
        **{"reprob": 0.25, "remode": "pixel", "recount": 1, "num_sample": 2},
        **{"aa": RAND_AUGMENT, "train_interpolation": "bicubic", "data_set": "UCF101"},
    )
    dataset = official_dataset(video, mode="train", args=args, aug=True, rand_erase=True)
    return lambda: dataset[0]


def official_test(video: Path) -> Callable[[], Any]:
    """Return all views of a video, each of which is an item of the official class and decodes anew."""
    transforms, volume = official_module("video_transforms"), official_module("volume_transforms")
    statistics = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    views = [(segment, crop) for segment in range(SEGMENTS) for crop in range(CROPS)]
    dataset = official_dataset(
        video,
        mode="test",
        data_resize=transforms.Compose([transforms.Resize(size=CLIP.size, interpolation="bilinear")]),
        data_transform=transforms.Compose([volume.ClipToTensor(), transforms.Normalize(**statistics)]),
        test_seg=views,
        test_dataset=[str(video)] * len(views),
        test_label_array=[0] * len(views),
    )
    return lambda: [dataset[index] for index in range(len(views))]


def official_dataset(video: Path, **fields: object) -> torch.utils.data.Dataset[object]:
    """Return the official class with the fields that its constructor sets, which would read a list with pandas."""
    kind = official_module("kinetics").VideoClsDataset
    dataset = kind.__new__(kind)
    vars(dataset).update(
        **{"clip_len": CLIP.frames, "frame_sample_rate": CLIP.stride, "crop_size": CLIP.size},
        **{"short_side_size": CLIP.size, "keep_aspect_ratio": True, "num_segment": 1},
        **{"test_num_segment": SEGMENTS, "test_num_crop": CROPS},
        **{"dataset_samples": [str(video)], "label_array": [0]},
        **fields,
    )
    return dataset


def mmaction2_test(video: Path) -> Callable[[], Any]:
    """Return MMAction2's test pipeline with Decord, up to what its model takes."""
    import_mmaction()
    from mmaction.registry import TRANSFORMS
    from mmengine.dataset import Compose
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope("mmaction"):
        import mmaction.datasets.transforms  # noqa: F401  (which registers them)

        pipeline = Compose(
            [
                TRANSFORMS.build(step)
                for step in (
                    {"type": "DecordInit"},
                    {
                        "type": "SampleFrames",
                        **{"clip_len": CLIP.frames, "frame_interval": CLIP.stride, "num_clips": SEGMENTS},
                        "test_mode": True,
                    },
                    {"type": "DecordDecode"},
                    {"type": "Resize", "scale": (-1, CLIP.size)},
                    {"type": "ThreeCrop", "crop_size": CLIP.size},
                    {"type": "FormatShape", "input_format": "NCTHW"},
                    {"type": "PackActionInputs"},
                )
            ]
        )
    return lambda: pipeline({"filename": str(video), "label": 0, "start_index": 0, "modality": "RGB"})
