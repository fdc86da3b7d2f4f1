from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from tests.data.clips import (
    HEIGHT,
    WIDTH,
    barcode,
    cut,
    plain_decode,
    read_barcode,
    write_audio,
    write_packed_avi,
    write_video,
)
from tta_bench.data.media import decode
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import count_frames, decoder_version, read_frames, within_memory

FRAMES = 40
UNEVEN = list(accumulate([0] + [20, 35, 90, 15] * 10))[:FRAMES]

WRITERS = {
    "h264 with B-frames": lambda folder: write_video(folder / "a.mp4", codec="libx264", bf="3", g="250"),
    "h264 of variable frame rate": lambda folder: write_video(folder / "b.mp4", codec="libx264", pts=UNEVEN, bf="2"),
    "mpeg4": lambda folder: write_video(folder / "c.avi", bf="0", g="12"),
    "mpeg4 with one key frame": lambda folder: write_video(folder / "d.avi", bf="0", g="250"),
    "mpeg4 with B-frames": lambda folder: write_video(folder / "e.avi", bf="2", g="12", b_strategy="0"),
    "mpeg4 with packed B-frames": lambda folder: write_packed_avi(folder / "f.avi"),
}


@pytest.fixture(scope="module", params=WRITERS)
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return WRITERS[request.param](tmp_path_factory.mktemp("clip"))


def test_frame_k_is_the_kth_frame(clip: Path) -> None:
    order = random.Random(0).sample(range(FRAMES), FRAMES)
    assert [read_barcode(frame) for frame in read_frames(clip, order)] == order


@pytest.mark.parametrize("indices", [[0], [FRAMES - 1], [7, 7, 3, 7], range(2, 34, 4), np.array([5, 1])])
def test_any_indices_in_any_order(clip: Path, indices: list[int]) -> None:
    frames = read_frames(clip, indices)
    assert frames.dtype == np.uint8
    assert frames.shape == (len(indices), HEIGHT, WIDTH, 3)
    assert [read_barcode(frame) for frame in frames] == list(indices)


def test_beyond_the_end_is_the_last_frame(clip: Path) -> None:
    assert [read_barcode(frame) for frame in read_frames(clip, [FRAMES, 3, 900])] == [FRAMES - 1, 3, FRAMES - 1]
    assert [read_barcode(frame) for frame in read_frames(clip, [500])] == [FRAMES - 1]


def test_frames_are_counted(clip: Path) -> None:
    assert count_frames(clip) == FRAMES


def test_timestamps_of_packed_frames_are_out_of_order(tmp_path: Path) -> None:
    """So the file that the tests above read is one in which an index must not come from a timestamp."""
    with av.open(str(write_packed_avi(tmp_path / "packed.avi"))) as container:
        times = [frame.pts for frame in container.decode(video=0)]
    assert times != sorted(times)


def test_each_wanted_frame_is_converted_once(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted = []
    real = decode.ToRgb.__call__
    monkeypatch.setattr(decode.ToRgb, "__call__", lambda *args: converted.append(1) or real(*args))
    read_frames(clip, [9, 2, 9, 9, 2])
    assert len(converted) == 2


@pytest.mark.parametrize("indices", [[-1], [3, -2], []])
def test_impossible_indices(clip: Path, indices: list[int]) -> None:
    with pytest.raises(ValueError, match="frame indices"):
        read_frames(clip, indices)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_frames_are_turned_upright_as_opencv_does(tmp_path: Path, degrees: int) -> None:
    path = write_video(tmp_path / "turned.mp4", frames=3, codec="libx264", rotation=degrees)
    read, upright = cv2.VideoCapture(str(path)).read()
    assert read
    assert (read_frames(path, [0])[0] == upright[..., ::-1]).all()


def test_a_truncated_avi_is_shorter_than_its_header_says(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "whole.avi", bf="0", g="4"), tmp_path / "cut.avi", 0.8)
    count = count_frames(path)
    with av.open(str(path)) as container:
        assert 10 < count < container.streams.video[0].frames == FRAMES
    assert [read_barcode(frame) for frame in read_frames(path, [count - 2, 4, 999])][:2] == [count - 2, 4]


def test_a_truncated_mp4_is_unreadable(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", codec="libx264", container_options={"movflags": "+faststart"})
    path = cut(whole, tmp_path / "cut.mp4", 0.7)
    with pytest.raises(UnreadableVideo, match=r"Invalid data found .* after \d+ good frames") as caught:
        count_frames(path)
    assert caught.value.path == path
    with pytest.raises(UnreadableVideo, match="good frames"):
        read_frames(path, [FRAMES - 1])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp4", b"", "Invalid data found"),
        ("empty.avi", b"", "Invalid data found"),
        ("noise.avi", np.random.default_rng(0).bytes(4000), "Invalid data found"),
        ("words.mp4", b"not a video\n" * 50, "Invalid data found"),
    ],
)
def test_no_video(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for read in (count_frames, lambda path: read_frames(path, [0])):
        with pytest.raises(UnreadableVideo, match=reason) as caught:
            read(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "codec", "tag"),
    [("a.avi", "mpeg4", b"FMP4"), ("b.mp4", "libx264", b"avc1"), ("c.mkv", "libx264", b"V_MPEG4/ISO/AVC")],
)
def test_a_codec_that_nobody_knows(tmp_path: Path, name: str, codec: str, tag: bytes) -> None:
    path = write_video(tmp_path / name, codec=codec)
    path.write_bytes(path.read_bytes().replace(tag, tag[:-1] + b"z"))
    for read in (count_frames, lambda path: read_frames(path, [0])):
        with pytest.raises(UnreadableVideo, match="no decoder for its codec"):
            read(path)


def test_missing_and_pictureless_files(tmp_path: Path) -> None:
    with pytest.raises(UnreadableVideo, match="No such file"):
        count_frames(tmp_path / "missing.mp4")
    with pytest.raises(UnreadableVideo, match="no video stream"):
        read_frames(write_audio(tmp_path / "sound.mp4"), [0])
    whole = write_video(tmp_path / "whole.avi").read_bytes()
    (tmp_path / "header.avi").write_bytes(whole[: whole.index(b"movi") + 4])
    with pytest.raises(UnreadableVideo, match="no frames"):
        count_frames(tmp_path / "header.avi")


def test_frames_of_changing_size_get_the_first_ones(tmp_path: Path) -> None:
    parts = [write_video(tmp_path / f"{height}.h264", frames=4, codec="libx264", height=height) for height in (96, 48)]
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert [read_barcode(frame) for frame in read_frames(path, range(8))] == [0, 1, 2, 3] * 2


def test_a_folder_of_frames_is_a_video(tmp_path: Path) -> None:
    for index in range(12):
        cv2.imwrite(str(tmp_path / f"img_{index}.png"), barcode(index)[..., ::-1])
    (tmp_path / "notes.txt").write_text("not a frame")
    assert count_frames(tmp_path) == 12
    frames = read_frames(tmp_path, [11, 2, 10, 99])
    assert [read_barcode(frame) for frame in frames] == [11, 2, 10, 11]
    assert (frames[1] == barcode(2)).all()


def test_a_folder_with_a_damaged_frame(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), barcode(0))
    (tmp_path / "1.png").write_bytes(b"")
    with pytest.raises(UnreadableVideo, match=r"1\.png is not an image"):
        count_frames(tmp_path)
    (tmp_path / "none").mkdir()
    with pytest.raises(UnreadableVideo, match="no frames"):
        count_frames(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("colour_bars_h264_aac.mp4", 168),
        ("kinetics_like_h264.mp4", 280),
        ("short_6fps_h264.mp4", 57),
        ("v_ApplyEyeMakeup_like_xvid_mp3.avi", 164),
    ],
)
def test_real_clips(shared: Path, name: str, frames: int) -> None:
    path = shared / "clips" / name
    assert count_frames(path) == frames
    order = random.Random(1).sample(range(frames), frames)
    read = read_frames(path, order)
    place = {index: k for k, index in enumerate(order)}
    count = 0
    for index, frame in enumerate(plain_decode(path)):
        assert (read[place[index]] == frame).all(), f"frame {index}"
        count += 1
    assert count == frames


def test_the_decoder_is_named() -> None:
    assert av.__version__ in decoder_version()
    assert "libavcodec" in decoder_version()


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((-1, 0, 0, 1), lambda picture: picture[:, ::-1]),
        ((1, 0, 0, -1), lambda picture: picture[::-1]),
        ((0, 1, 1, 0), lambda picture: picture.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda picture: picture[::-1, ::-1].swapaxes(0, 1)),
        ((0, 1, -1, 0), lambda picture: np.rot90(picture, -1)),
        ((0.7, 0.7, -0.7, 0.7), lambda picture: picture),
    ],
)
def test_pictures_are_turned_and_mirrored_as_the_matrix_says(
    matrix: tuple[float, ...], shown: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> None:
    a, b, c, d = (round(65536 * value) for value in matrix)
    picture = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
    given = np.array([[a, b, 0], [c, d, 0], [0, 0, 1 << 30]], np.int32)
    np.testing.assert_array_equal(decode.upright(picture, given), shown(picture))


def test_frames_are_changed_one_by_one(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=6)
    held: list[int] = []

    def shrink(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        held.append(frame.nbytes)
        return frame[::8, ::8].copy()

    assert read_frames(path, [5, 0, 0, 9], shrink).shape == (4, HEIGHT // 8, WIDTH // 8, 3)
    assert held == [HEIGHT * WIDTH * 3] * 2


@pytest.mark.parametrize(("most", "side"), [(4 * HEIGHT * WIDTH * 3, 1.0), (HEIGHT * WIDTH * 3, 0.5), (3, 0.01)])
def test_frames_that_would_take_too_much_memory_are_held_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, side: float
) -> None:
    monkeypatch.setattr(decode, "MOST_BYTES", most)
    path = write_video(tmp_path / "a.mp4", codec="libx264")
    frames = read_frames(path, range(4), partial(within_memory, frames=4))
    assert frames.shape == (4, max(1, int(HEIGHT * side)), max(1, int(WIDTH * side)), 3)
    assert frames.nbytes <= max(most, 4 * 3)
    if side == 0.5:
        assert [read_barcode(cv2.resize(frame, (WIDTH, HEIGHT))) for frame in frames] == [0, 1, 2, 3]


def test_sixteen_frames_of_a_4k_video_are_held_as_they_are() -> None:
    frame = np.zeros((2160, 3840, 3), np.uint8)
    assert within_memory(frame, 16) is frame
    assert within_memory(frame, 64).nbytes * 64 <= decode.MOST_BYTES


@pytest.mark.parametrize("size", [(96, 72), (97, 71), (320, 240), (640, 361)])
def test_pixels_do_not_depend_on_the_threads_of_the_conversion(size: tuple[int, int]) -> None:
    width, height = size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    for kind in ("yuv420p", "yuv422p10le", "yuvj420p"):
        frame = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(format=kind)
        alone, together = (
            VideoReformatter().reformat(frame, width, height, format="rgb24", threads=threads).to_ndarray()
            for threads in (1, 4)
        )
        assert np.array_equal(alone, together)
