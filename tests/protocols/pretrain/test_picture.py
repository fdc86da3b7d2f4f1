from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tta_bench.protocols.pretrain.picture import GAP, NAME_WIDTH, SMALLEST_SIDE, Restoration, picture, write_picture


def restoration(clips: int, frames: int, side: int) -> Restoration:
    """Clips whose versions are of three grey levels, and whose frames become lighter."""
    levels = np.arange(frames, dtype=np.uint8)[:, None, None, None]
    shape = (clips, frames, side, side, 3)
    return Restoration(*(np.broadcast_to(level + levels, shape).copy() for level in (10, 110, 210)))


@pytest.mark.parametrize(
    ("frames", "side", "shown", "drawn"), [(4, 16, 4, 96), (16, 32, 8, 96), (8, 96, 8, 96), (8, 112, 8, 112)]
)
def test_small_frames_are_enlarged_and_a_few_are_shown(frames: int, side: int, shown: int, drawn: int) -> None:
    image = picture(restoration(2, frames, side))
    assert drawn >= SMALLEST_SIDE
    assert image.shape == (2 * 3 * (drawn + GAP), NAME_WIDTH + shown * (drawn + GAP), 3)


def test_each_row_shows_one_version_in_order_of_time() -> None:
    image = picture(restoration(1, 16, 96))
    side = 96 + GAP
    centres = image[side // 2 :: side, NAME_WIDTH + side // 2 :: side, 0].astype(int)
    times = np.linspace(0, 15, 8).round().astype(int)
    assert centres.tolist() == [(level + times).tolist() for level in (10, 110, 210)]


def test_the_file_has_the_images_colours(tmp_path: Path) -> None:
    clips = restoration(1, 2, 96)
    clips.masked[..., 2] = 0
    write_picture(clips, tmp_path / "restored.png")
    assert (cv2.imread(str(tmp_path / "restored.png"))[..., ::-1] == picture(clips)).all()
