from __future__ import annotations

from fractions import Fraction
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.data.transforms import sampling
from tta_bench.experiments.base import Sampling
from tta_bench.utils.keyed_random import generator

LENGTHS = st.integers(1, 500)
FRAMES = st.integers(1, 32)
STRIDES = st.integers(1, 8)
SIDES = st.integers(1, 60)


@settings(max_examples=200)
@given(LENGTHS, FRAMES, STRIDES, st.integers(0, 2**32))
def test_a_training_clip_moves_forward_inside_the_video(length, frames, stride, seed):
    indices = sampling.train_indices(length, frames, stride, generator(seed))
    assert indices.shape == (frames,)
    assert indices.dtype == np.int64
    assert indices.min() >= 0
    assert indices.max() < length
    assert (np.diff(indices) >= 0).all()
    if length > frames * stride and frames > 1:
        assert indices[-1] - indices[0] == frames * stride - 1


def test_a_short_video_is_taken_whole_and_its_last_frame_repeated():
    assert sampling.train_indices(10, 6, 2, generator(0)).tolist() == [0, 2, 5, 7, 9, 9]
    assert sampling.train_indices(3, 4, 4, generator(0)).tolist() == [2, 2, 2, 2]


def test_every_start_of_a_training_clip_is_drawn():
    starts = {int(sampling.train_indices(40, 8, 4, generator(seed))[0]) for seed in range(200)}
    assert starts == set(range(8))


@settings(max_examples=200)
@given(LENGTHS, FRAMES, STRIDES, st.integers(1, 12))
def test_test_clips_cover_a_video_from_its_first_to_its_last_candidate(length, frames, stride, segments):
    indices = sampling.test_indices(length, frames, stride, segments)
    last = (length - 1) // stride * stride
    assert indices.shape == (segments, frames)
    assert indices.dtype == np.int64
    steps = np.diff(indices, axis=1)
    assert (steps[indices[:, :-1] < last] == stride).all()
    assert (steps[indices[:, :-1] == last] == 0).all()
    assert (np.diff(indices[:, 0]) >= 0).all()
    if segments > 1:
        assert indices[0, 0] == 0
        assert last - indices[-1, -1] <= stride  # int() of a float product may fall one short
    elif last // stride >= frames:
        before, after = indices[0, 0] // stride, (last - indices[0, -1]) // stride
        assert after - before in (0, 1)


@given(LENGTHS, FRAMES, STRIDES, st.integers(0, 2**32))
def test_a_uniform_training_clip_has_a_frame_of_every_segment(length, frames, stride, seed):
    indices = sampling.SAMPLERS["uniform"].train(length, frames, stride, generator(seed))
    assert indices.shape == (frames,)
    assert indices.dtype == np.int64
    for k, index in enumerate(indices.tolist()):
        first, end = k * length // frames, (k + 1) * length // frames
        assert first <= index < max(end, first + 1) <= length
    again = sampling.SAMPLERS["uniform"].train(length, frames, stride + 1, generator(seed))
    assert (indices == again).all()


def test_every_frame_of_a_video_can_be_in_a_uniform_training_clip():
    draws = [sampling.draw_uniform(11, 4, 1, generator(seed)) for seed in range(200)]
    assert {int(index) for draw in draws for index in draw} == set(range(11))


@given(LENGTHS, FRAMES, STRIDES, st.integers(1, 5))
def test_uniform_test_clips_divide_every_segment(length, frames, stride, clips):
    indices = sampling.SAMPLERS["uniform"].test(length, frames, stride, clips)
    assert indices.shape == (clips, frames)
    assert indices.dtype == np.int64
    assert indices.min() >= 0
    assert indices.max() < length
    interleaved = indices.T.reshape(-1)
    steps = np.diff(interleaved)
    assert (steps >= 0).all()
    for k, (clip, frame) in enumerate([(clip, frame) for clip in range(clips) for frame in range(frames)]):
        exact = Fraction(length, frames) * (frame + Fraction(clip + 1, clips + 1))
        assert indices.reshape(-1)[k] == exact.numerator // exact.denominator


@given(LENGTHS, FRAMES)
def test_a_single_uniform_test_clip_has_the_middle_frames_of_videomaes_ssv2_loader(length, frames):
    tick = Fraction(length, frames)
    official = [int(tick / 2 + tick * k) for k in range(frames)]  # ssv2.py of MCG-NJU/VideoMAE, without its rounding
    (indices,) = sampling.uniform_indices(length, frames)
    assert indices.tolist() == official
    assert abs(indices[0] - (length - 1 - indices[-1])) <= 1, "the middle of the video is the middle of the clip"


def test_the_samplers_are_those_that_clip_sampling_takes():
    assert set(sampling.SAMPLERS) == set(get_args(Sampling))


def test_controls_freeze_reverse_and_shuffle_each_clip():
    indices = sampling.test_indices(100, 8, 2, 3)
    control = lambda name: sampling.apply_control(indices, name, generator("control"))  # noqa: E731
    assert (control("none") == indices).all()
    assert (control("frozen") == indices[:, [4]]).all()
    assert (control("reversed") == indices[:, ::-1]).all()
    shuffled = control("shuffled")
    assert (np.sort(shuffled, axis=1) == indices).all()
    assert (np.diff(shuffled, axis=1) < 0).any(axis=1).all()
    assert (shuffled == control("shuffled")).all()


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 250), st.integers(1, 7))
def test_windows_stay_inside_the_resized_frame_and_reach_both_ends(height, width, size, crops):
    shape = sampling.resized_shape(height, width, size)
    offsets = sampling.crop_offsets(*shape, size, crops)
    assert min(shape) == size
    assert len(offsets) == crops
    for top, left in offsets:
        assert 0 <= top <= shape[0] - size
        assert 0 <= left <= shape[1] - size
    spare = max(shape) - size
    if crops > 1:
        assert sum(offsets[0]) == 0
        assert spare - sum(offsets[-1]) <= 1
    else:
        assert abs(sum(offsets[0]) - spare / 2) <= 0.5


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), SIDES, SIDES, st.integers(1, 40), st.sampled_from([1, 3]))
def test_views_are_windows_of_the_resized_frames(segments, frames, height, width, size, crops):
    rng = generator(height, width)
    video = rng.integers(0, 256, (segments, frames, height, width, 3), np.uint8)
    views = sampling.test_views(video, size, crops)
    assert views.shape == (segments * crops, frames, size, size, 3)
    assert views.dtype == np.uint8
    for k, view in enumerate(views):
        resized = sampling.resize_short_side(video[k // crops], size)
        top, left = sampling.crop_offsets(*resized.shape[1:3], size, crops)[k % crops]
        assert (view == resized[:, top : top + size, left : left + size]).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), SIDES, SIDES, st.integers(1, 40), st.sampled_from([1, 2, 3]))
def test_views_of_single_frames_are_those_of_the_segments(segments, frames, height, width, size, crops):
    rng = generator(height, width, size)
    video = rng.integers(0, 256, (5, height, width, 3), np.uint8)
    places = rng.integers(0, 5, (segments, frames))
    arranged = sampling.arranged_views(video, places, size, crops)
    np.testing.assert_array_equal(arranged, sampling.test_views(video[places], size, crops))


def test_what_has_the_right_size_is_not_copied():
    video = np.zeros((2, 4, 24, 32, 3), np.uint8)
    assert sampling.resize_short_side(video[0], 24) is not None
    assert np.shares_memory(sampling.resize_short_side(video[0], 24), video)
    assert np.shares_memory(sampling.test_views(video, 24, 1), video)


@pytest.mark.parametrize("shape", [(12, 20), (20, 12), (15, 15)])
def test_resizing_keeps_a_slope_straight(shape):
    rows, columns = np.indices(shape)
    frame = np.stack([8 * rows, 8 * columns, 0 * rows], -1).astype(np.uint8)
    resized = sampling.resize_short_side(frame[None], 24)[0].astype(float)
    steps = np.diff(resized[2:-2, 2:-2, 0], axis=0), np.diff(resized[2:-2, 2:-2, 1], axis=1)
    for step in steps:
        assert abs(step.mean() - 8 * min(shape) / 24) < 0.1
        assert step.max() - step.min() <= 2
