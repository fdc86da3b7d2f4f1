from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.data.clips import plain_decode
from tta_bench.data.datasets.ucf101 import UCF101
from tta_bench.data.media.decode import count_frames
from tta_bench.data.synthetic.cache import sample_root
from tta_bench.data.synthetic.ucf101 import (
    CLASSES,
    PAIRS,
    REVERSED_CLASS,
    SampleSettings,
    generate_ucf101_sample,
    render_clip,
    trajectory,
)
from tta_bench.errors import UserError
from tta_bench.utils.keyed_random import generator

SMALL = {"groups": 2, "test_groups": 1, "clips": 1, "frames": 6, "width": 32, "height": 24}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with half of its clips and frames."""
    settings = SampleSettings(clips=2, frames=24)
    return generate_ucf101_sample(tmp_path_factory.mktemp("sample") / "ucf101", settings)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_is_a_ucf101(root: Path) -> None:
    dataset = UCF101(root)
    assert dataset.classes == CLASSES
    assert dataset.splits == (1,)
    split = dataset.split(1)
    assert (len(split.train), len(split.test)) == (48, 32)
    assert {sample.group[-3:] for sample in split.test} == {"g01", "g02"}
    assert {sample.group[-3:] for sample in split.train} == {"g03", "g04", "g05"}
    for side in (split.train, split.test):
        assert len({np.bincount([sample.label for sample in side])[label] for label in range(8)}) == 1


def test_its_files_are_mpeg4_in_avi_and_hold_no_version(root: Path) -> None:
    paths = sorted((root / "UCF-101").rglob("*.avi"))
    assert len(paths) == 80
    for path in paths[::10]:
        content = path.read_bytes()
        assert content[:4] == b"RIFF"
        assert b"FMP4" in content[:500]
        assert b"Lav" not in content
        assert count_frames(path) == 24


def test_its_lists_have_official_form(root: Path) -> None:
    lists = root / "ucfTrainTestlist"
    assert (lists / "classInd.txt").read_bytes().startswith(b"1 CircleClockwise\r\n2 CircleCounterclockwise\r\n")
    assert (lists / "trainlist01.txt").read_bytes().startswith(b"CircleClockwise/v_CircleClockwise_g03_c01.avi 1\r\n")
    assert (lists / "testlist01.txt").read_bytes().startswith(b"CircleClockwise/v_CircleClockwise_g01_c01.avi\r\n")


def test_the_same_settings_give_the_same_bytes(tmp_path: Path) -> None:
    first = generate_ucf101_sample(tmp_path / "a", SampleSettings(**SMALL))
    second = generate_ucf101_sample(tmp_path / "b", SampleSettings(**SMALL))
    other = generate_ucf101_sample(tmp_path / "c", SampleSettings(**SMALL, seed=1))
    assert files(first) == files(second)
    assert len(set(files(first).values())) == 16 + 3
    assert files(first).keys() == files(other).keys()
    assert not {v for k, v in files(first).items() if k.endswith("avi")} & set(files(other).values())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), frames=st.integers(2, 60), pair=st.sampled_from(PAIRS))
def test_pairs_are_each_other_backwards(seed: int, frames: int, pair: tuple[str, str]) -> None:
    one, other = (trajectory(name, generator(seed), frames) for name in pair)
    assert (one == other[::-1]).all()
    assert not np.allclose(one, other)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), half=st.integers(1, 30))
def test_the_middle_frame_is_the_same_in_all_classes(seed: int, half: int) -> None:
    middles = [trajectory(name, generator(seed), 2 * half + 1)[half] for name in CLASSES]
    assert np.allclose(middles, middles[0], atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), name=st.sampled_from(CLASSES))
def test_the_object_stays_in_sight(seed: int, name: str) -> None:
    x, y, radius, *shake = trajectory(name, generator(seed), 48).T
    assert (np.abs(x) < 4 / 3).all()
    assert (np.abs(y) - radius < 1).all()
    assert 0.1 < radius.min() <= radius.max() < 0.8
    assert np.abs(shake).max() <= 2.0


def test_groups_share_their_look_across_classes() -> None:
    small = SampleSettings(**SMALL)
    corners = {(name, group): render_clip(small, name, group, 1)[0, 0, 0] for name in CLASSES for group in (1, 2)}
    for name in CLASSES:
        same = np.abs(corners[name, 1].astype(int) - corners["MoveLeft", 1]).max()
        assert same < np.abs(corners[name, 1].astype(int) - corners[name, 2]).max()


def outline(picture: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Return the bright object's centre and its area in pixels."""
    y, x = np.nonzero(picture.max(axis=2) > 110)
    return float(x.mean()), float(y.mean()), float(len(x))


@pytest.mark.parametrize("name", CLASSES)
def test_decoded_videos_show_their_class(root: Path, name: str) -> None:
    for path in sorted((root / "UCF-101" / name).iterdir())[:6]:
        x, y, area = np.array([outline(frame) for frame in plain_decode(path)]).T
        steps = np.stack([np.diff(x), np.diff(y)])
        turning = (steps[0, :-4] * steps[1, 4:] - steps[1, :-4] * steps[0, 4:]).sum()
        change = {
            "MoveLeft": x[0] - x[-1],
            "MoveRight": x[-1] - x[0],
            "MoveUp": y[0] - y[-1],
            "MoveDown": y[-1] - y[0],
            "CircleClockwise": turning,
            "CircleCounterclockwise": -turning,
            "ZoomIn": area[-1] - area[0],
            "ZoomOut": area[0] - area[-1],
        }
        assert change[name] > 3, path.name


def test_reversed_class_is_its_own_inverse() -> None:
    assert all(REVERSED_CLASS[REVERSED_CLASS[name]] == name != REVERSED_CLASS[name] for name in CLASSES)
    assert set(REVERSED_CLASS) == set(CLASSES)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"grups": 3}, r"unknown setting.*'grups'(?s:.*)Did you mean 'groups'"),
        ({"version": 99}, "version 99"),
        ({"groups": "5"}, "whole number"),
        ({"frames": True}, "whole number"),
        ({"test_groups": 5}, "no sample videos"),
        ({"test_groups": 0}, "no sample videos"),
        ({"clips": 0}, "no sample videos"),
        ({"width": 95}, "even size"),
    ],
)
def test_impossible_settings(tmp_path: Path, wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        sample_root(tmp_path / "cache", "sample", "UCF101", wrong)
    assert not (tmp_path / "cache").exists()
