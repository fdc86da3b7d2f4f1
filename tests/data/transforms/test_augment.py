from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.data.transforms import augment
from tta_bench.data.transforms.augment import Box
from tta_bench.experiments.fine_tune import Augmentation
from tta_bench.utils.keyed_random import generator

OFFICIAL = Augmentation(rand_augment="rand-m7-n4-mstd0.5-inc1", ratio=(0.75, 1.3333))
PLAIN = Augmentation(flip=0.0, erase=0.0)


def noise(*shape: int) -> np.ndarray:
    return generator("noise", *shape).integers(0, 256, shape, np.uint8)


@st.composite
def frames_and_boxes(draw):
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    high, wide = draw(st.integers(1, height)), draw(st.integers(1, width))
    return height, width, Box(draw(st.integers(0, height - high)), draw(st.integers(0, width - wide)), high, wide)


@settings(max_examples=60, deadline=None)
@given(frames_and_boxes(), st.integers(1, 80), st.booleans())
def test_a_crop_is_within_half_a_grey_level_of_the_float_recipe(frame, size, flip):
    height, width, box = frame
    clip = noise(2, height, width, 3)
    view = augment.crop_and_resize(clip, box, size, flip)
    window = clip[:, box.top : box.top + box.height, box.left : box.left + box.width]
    source = torch.from_numpy(window.copy()).permute(0, 3, 1, 2).double()
    exact = F.interpolate(source, size=(size, size), mode="bilinear", align_corners=False).permute(0, 2, 3, 1).numpy()
    assert view.dtype == np.uint8
    assert np.abs(view - (exact[:, :, ::-1] if flip else exact)).max() <= 0.5 + 1e-3


@settings(max_examples=100)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 2**32))
def test_a_crop_lies_inside_the_frame(height, width, seed):
    box = augment.draw_crop(height, width, (0.08, 1.0), (0.75, 4 / 3), generator(seed))
    assert 0 < box.height <= height - box.top
    assert 0 < box.width <= width - box.left
    assert min(box.top, box.left) >= 0


def test_crops_have_the_areas_and_shapes_that_were_asked_for():
    boxes = np.array([augment.draw_crop(240, 320, (0.2, 0.4), (0.5, 2.0), generator(seed)) for seed in range(3000)])
    area = boxes[:, 2] * boxes[:, 3] / (240 * 320)
    log_ratio = np.log(boxes[:, 3] / boxes[:, 2])
    assert area.min() == pytest.approx(0.2, abs=0.005)
    assert area.max() == pytest.approx(0.4, abs=0.005)
    assert area.mean() == pytest.approx(0.3, abs=0.005)
    assert log_ratio.min() == pytest.approx(-np.log(2), abs=0.02)
    assert log_ratio.max() == pytest.approx(np.log(2), abs=0.02)
    assert log_ratio.mean() == pytest.approx(0.0, abs=0.03)
    assert set(boxes[:, 0]) >= set(range(20, 60))


@pytest.mark.parametrize(
    ("shape", "box"),
    [((10, 1000), Box(0, 490, 10, 20)), ((1000, 10), Box(490, 0, 20, 10)), ((9, 12), Box(0, 0, 9, 12))],
)
def test_a_frame_that_no_crop_fits_gives_the_largest_in_the_centre(shape, box):
    impossible = (1.2, 1.3)
    assert augment.draw_crop(*shape, impossible, (0.5, 2.0), generator(0)) == box


def test_erased_boxes_have_the_official_areas_and_shapes():
    boxes = np.array([augment.draw_erased(224, generator(seed)) for seed in range(2000)])
    area, ratio = boxes[:, 2] * boxes[:, 3] / 224**2, boxes[:, 2] / boxes[:, 3]
    assert ((boxes[:, :2] >= 0) & (boxes[:, :2] + boxes[:, 2:] <= 224)).all()
    assert area.min() == pytest.approx(0.02, abs=0.002)
    assert area.max() == pytest.approx(1 / 3, abs=0.005)
    assert ratio.min() == pytest.approx(0.3, abs=0.02)
    assert ratio.max() == pytest.approx(1 / 0.3, abs=0.2)


def test_erasing_and_flipping_happen_as_often_as_asked():
    clip = noise(1, 12, 16, 3)
    often = Augmentation(erase=0.25, flip=0.0)
    erased = [augment.augment_clip(clip, 8, often, generator(seed))[1].any() for seed in range(1000)]
    assert np.mean(erased) == pytest.approx(0.25, abs=0.04)
    slope = np.broadcast_to(np.arange(0, 160, 10, dtype=np.uint8)[None, None, :, None], (1, 12, 16, 3))
    views = (augment.augment_clip(slope, 8, Augmentation(), generator(seed))[0] for seed in range(1000))
    assert np.mean([view[0, 0, 0, 0] > view[0, 0, -1, 0] for view in views]) == pytest.approx(0.5, abs=0.05)
    never, always = (Augmentation(erase=share, flip=share) for share in (0.0, 1.0))
    assert not augment.augment_clip(clip, 8, never, generator(1))[1].any()
    assert augment.augment_clip(clip, 8, always, generator(1))[1].all(where=[False, False, True, True])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(8, 50), st.integers(8, 50))
def test_a_view_depends_on_its_key_alone_and_treats_all_frames_alike(seed, height, width):
    clip = np.repeat(noise(1, height, width, 3), 3, axis=0)
    before = clip.copy()
    view, boxes = augment.augment_clip(clip, 16, OFFICIAL, generator(seed))
    again, boxes_again = augment.augment_clip(clip, 16, OFFICIAL, generator(seed))
    assert (clip == before).all()
    assert view.shape == (3, 16, 16, 3)
    assert view.dtype == np.uint8
    assert boxes.shape == (1, 4)
    assert boxes.dtype == np.int64
    assert (view == again).all()
    assert (boxes == boxes_again).all()
    assert (view == view[:1]).all()


def test_views_of_other_keys_differ():
    clip = noise(2, 24, 32, 3)
    views = [augment.augment_clip(clip, 16, PLAIN, generator(seed))[0] for seed in range(10)]
    assert all((views[0] != view).any() for view in views[1:])
