from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.data.overlap.some_clips import COARSE, RATE, copied, frames, title, with_object, write
from tests.data.overlap.test_traces import cloudy, way
from tta_bench.data.overlap.confirm import same_clip


@pytest.mark.parametrize(("share", "shift", "mirror"), [(1.0, 0.0, False), (0.92, 1.0, False), (0.92, 0.0, True)])
def test_a_copy_is_confirmed(share: float, shift: float, mirror: bool, tmp_path: Path) -> None:
    original = write(tmp_path / "clip.avi", frames(way(1), 0, 4))
    made = (copied(frame, (0.2, 0.9), share, 120, mirror) for frame in frames(way(1), shift, 3))
    copy = write(tmp_path / "copy.mp4", made, COARSE)
    assert same_clip(original, copy, shift, mirror)
    assert not same_clip(original, copy, shift, not mirror)


def test_lookalikes_are_not(tmp_path: Path) -> None:
    original = write(tmp_path / "clip.avi", frames(way(1), 0, 3))
    other = with_object(way(1), cloudy(5))
    lookalikes = {
        "later": frames(way(1), 3.2, 3),
        "turned back": frames(way(1, step=(-25.0, -10.0)), 0, 3),
        "another object": (other(number / RATE) for number in range(3 * RATE)),
        "black": (np.zeros((120, 160, 3), np.uint8) for _ in range(36)),
    }
    for name, made in lookalikes.items():
        assert not same_clip(original, write(tmp_path / f"{name}.avi", made), 0.0), name
    titles = [
        write(tmp_path / f"{n}.avi", title(f"Part {n}\n{words}", 2)) for n, words in enumerate(["Sea", "Mountains"])
    ]
    assert not same_clip(*titles, 0.0)
    assert same_clip(titles[0], titles[0], 0.0)


def test_a_still_camera_at_another_time_is_not_the_same_clip(tmp_path: Path) -> None:
    still = cv2.resize(cloudy(2), (160, 120))

    def moving(begin: float) -> list[np.ndarray]:
        made = []
        for number in range(36):
            frame = still.copy()
            place = int(20 + 12 * (begin + number / RATE)), int(60 + 25 * np.sin(3 * (begin + number / RATE)))
            cv2.circle(frame, place, 8, (255, 255, 255), -1)
            made.append(frame)
        return made

    now, then = (write(tmp_path / f"{name}.avi", iter(moving(begin))) for name, begin in (("now", 0), ("then", 4)))
    assert not same_clip(now, then, 0.0)
    assert same_clip(now, now, 0.0)


@pytest.mark.parametrize("place", [(0.0, 0.0), (1.0, 0.5)])
@pytest.mark.parametrize("told", [0.75, 1.25])
def test_a_crop_off_the_middle_of_a_moving_picture_is_confirmed_whatever_shift_it_looks_like(
    place: tuple[float, float], told: float, tmp_path: Path
) -> None:
    original = write(tmp_path / "clip.avi", frames(way(3, step=(30.0, 0.0)), 0, 4))
    made = (copied(frame, place, 0.92, 160) for frame in frames(way(3, step=(30.0, 0.0)), 1, 3))
    assert same_clip(original, write(tmp_path / "copy.mp4", made, COARSE), told)


def test_a_camera_that_passes_the_same_place_another_way_is_not_the_same_clip(tmp_path: Path) -> None:
    one, other = way(2, step=(20.0, 0.0)), way(2, step=(20.0, 6.0))
    files = [write(tmp_path / f"{name}.avi", frames(path, 0, 3)) for name, path in (("one", one), ("other", other))]
    assert not same_clip(files[0], files[1], 0.0)
