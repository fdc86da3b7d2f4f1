from __future__ import annotations

import random
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.data.clips import barcode, cut, write_packed_avi, write_video
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import count_frames
from tta_bench.data.media.examine import examine

WHOLE = {
    "a.mp4": "libx264",
    "a.mov": "mpeg4",
    "a.mkv": "libx264",
    "a.webm": "libvpx",
    "a.ts": "libx264",
    "a.avi": "mpeg4",
    "a.flv": "flv1",
    "a.wmv": "wmv2",
    "a.mpg": "mpeg1video",
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_are_not_doubted(tmp_path: Path, name: str) -> None:
    assert examine(write_video(tmp_path / name, codec=WHOLE[name]))[:2] == (40, "")


def test_neither_are_packed_files_and_folders(tmp_path: Path) -> None:
    assert examine(write_packed_avi(tmp_path / "packed.avi"))[:2] == (40, "")
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"img_{index}.png"), barcode(index))
    assert examine(tmp_path)[:2] == (3, "")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.mkv", "it ends after .* of 1.6 s; the file is cut: .* bytes are there"),
        ("a.webm", "it ends after .* of 1.6 s; the file is cut"),
        ("a.avi", "frames of the 40 in its header; .*the file is cut"),
        ("a.flv", "it ends after"),
        ("a.ts", "the file is cut"),
    ],
)
def test_files_that_end_early_are_doubted_and_counted(tmp_path: Path, name: str, said: str) -> None:
    path = cut(write_video(tmp_path / name, codec=WHOLE[name]), tmp_path / f"cut{Path(name).suffix}", 0.601)
    found = examine(path)
    assert found.frames == count_frames(path) < 40
    assert re.search(said, found.doubt), found.doubt


def test_damaged_frames_are_counted(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.avi", frames=40, g="12").read_bytes()
    draw, doubted, read = random.Random(3), 0, 0
    for number in range(8):
        data = bytearray(whole)
        for _ in range(6):
            data[draw.randrange(len(data) // 4, 3 * len(data) // 4)] ^= 1 << draw.randrange(8)
        path = tmp_path / f"{number}.avi"
        path.write_bytes(data)
        try:
            found = examine(path)
        except UnreadableVideo:
            continue
        read += 1
        doubted += "damaged" in found.doubt or "frame" in found.doubt
        assert found.frames == count_frames(path)
    assert doubted > read // 2 > 0


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(np.random.default_rng(0).bytes(3000))
    with pytest.raises(UnreadableVideo, match="Invalid data"):
        examine(tmp_path / "a.mp4")
