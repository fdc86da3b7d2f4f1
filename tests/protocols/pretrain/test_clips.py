from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.data.clips import as_sent, write_video
from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.loading import train_loader
from tta_bench.data.step_order import StepBatches
from tta_bench.data.transforms.augment import Box
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.pretrain import PretrainSettings
from tta_bench.protocols.pretrain.clips import PretrainClips, cut, draw_window, pretrain_indices
from tta_bench.utils.keyed_random import generator

SCALES = (1.0, 0.875, 0.75, 0.66)
CLIP = ResolvedClip(span=12, frames=4, stride=3, size=32)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    folder = tmp_path_factory.mktemp("corpus")
    lengths = {"long": 40, "short": 7, "single": 1}
    return [Clip(name, write_video(folder / f"{name}.mp4", frames)) for name, frames in lengths.items()]


def dataset(clips: list[Clip], views: int = 4, seed: int = 0) -> PretrainClips:
    return PretrainClips(
        clips, {"long": 40, "short": 7, "single": 1}, CLIP, PretrainSettings(batch=2, views=views, lr=1.0), seed
    )


def test_an_item_has_views_of_the_same_frames(clips: list[Clip]) -> None:
    item = dataset(clips)[3, 0]["clips"]
    assert item.shape == (4, 4, 32, 32, 3)
    assert item.dtype == torch.uint8
    assert item.is_contiguous()
    assert len({view.numpy().tobytes() for view in item}) > 1


@pytest.mark.parametrize("index", [0, 1, 2])
def test_an_item_depends_on_seed_epoch_id_and_view_only(clips: list[Clip], index: int) -> None:
    item = dataset(clips)[5, index]["clips"]
    turned = [clips[2], clips[0], clips[1]]
    assert torch.equal(item, dataset(turned)[5, turned.index(clips[index])]["clips"])
    assert torch.equal(item[:2], dataset(clips, views=2)[5, index]["clips"])


def test_epochs_and_seeds_draw_anew(clips: list[Clip]) -> None:
    items = [dataset(clips)[0, 0], dataset(clips)[1, 0], dataset(clips, seed=1)[0, 0]]
    assert len({item["clips"].numpy().tobytes() for item in items}) == 3


def test_batches_are_the_same_with_workers(clips: list[Clip]) -> None:
    def batches(workers: int) -> list[torch.Tensor]:
        steps = StepBatches(len(clips), 2, 0, 3, seed=0)
        return [batch["clips"] for batch in train_loader(dataset(clips), steps, workers, pin=False)]

    for one, other in zip(batches(0), batches(2), strict=True):
        assert torch.equal(one, other)


@given(st.integers(1, 200), st.integers(1, 16), st.integers(1, 6), st.integers(0, 99))
def test_frames_are_there_and_a_step_apart(length: int, frames: int, stride: int, seed: int) -> None:
    indices = pretrain_indices(length, frames, stride, generator(seed))
    steps = np.diff(indices)
    assert len(indices) == frames
    assert indices.min() >= 0
    assert indices.max() < length
    assert set(steps) <= {0, stride}
    assert (np.diff((steps == 0).astype(int)) >= 0).all()  # once the end is reached, the last frame is repeated


@given(st.integers(8, 300), st.integers(8, 300), st.sampled_from([8, 32, 224]), st.integers(0, 99))
def test_a_window_is_in_the_frame_but_for_the_snap(height: int, width: int, size: int, seed: int) -> None:
    window = draw_window(height, width, size, SCALES, generator(seed))
    short = min(height, width)
    assert int(0.66 * short) - 2 <= min(window[2:]) <= max(window[2:]) <= short + 2
    for first, length, side in zip(window[:2], window[2:], (height, width), strict=True):
        assert first >= -4
        assert first + length <= side + 4


def test_what_is_cut_out_is_what_was_there() -> None:
    frames = generator("noise").integers(0, 256, (2, 40, 50, 3)).astype(np.uint8)
    view = cut(frames, draw_window(40, 50, 40, SCALES, generator("draws", 5)), 40)
    assert view.shape == (2, 40, 40, 3)
    whole = cut(frames[:, :, :40], Box(0, 0, 40, 40), 40)
    assert np.array_equal(whole.numpy(), frames[:, :, :40])


def test_frames_of_a_video_shorter_than_the_clip(clips: list[Clip]) -> None:
    assert pretrain_indices(7, 4, 3, generator(0)).tolist() == [0, 3, 3, 3]
    frames = dataset(clips)[0, 1]["clips"]
    assert torch.equal(frames[:, 1], frames[:, 2])


@pytest.mark.parametrize("key", [(0, 0), (3, 1)])
def test_a_data_set_that_was_pickled_gives_the_same_items(clips: list[Clip], key: tuple[int, int]) -> None:
    """Start methods that do not fork, as those of Windows and macOS, pickle it."""
    whole = dataset(clips)
    assert torch.equal(as_sent(whole)[key]["clips"], whole[key]["clips"])
