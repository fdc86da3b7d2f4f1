from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.data.clips import write_video
from tta_bench.data.media import container, decode
from tta_bench.data.media.container import UnreadableVideo, open_for_reading, tags_ignored, too_large, too_many
from tta_bench.data.media.decode import count_frames, frame_rate, read_frames
from tta_bench.data.media.examine import examine
from tta_bench.data.media.frame_times import frame_times
from tta_bench.data.media.seek import read_counted_frames
from tta_bench.data.media.sound import read_sound

PACKAGE = Path(container.__file__).parents[2]


def with_latin1_title(path: Path, codec: str) -> Path:
    """Write a video whose title is Latin-1, as old tools left them: the bytes of an ASCII title are replaced."""
    with av.open(str(path), "w") as file:
        file.metadata["title"] = "Mxller in Kxln"
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(6):
            file.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        file.mux(stream.encode(None))
    content = path.read_bytes()
    assert b"Mxller" in content
    path.write_bytes(content.replace(b"Mxller in Kxln", "Müller in Köln".encode("latin-1")))
    return path


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "mpeg4"), ("a.mov", "mpeg4"), ("a.avi", "mpeg4"), ("a.mp4", "mpeg4")]
)
def test_tags_that_are_no_utf8_stop_no_reader(tmp_path: Path, name: str, codec: str) -> None:
    path = with_latin1_title(tmp_path / name, codec)
    assert count_frames(path) == examine(path).frames == len(read_frames(path, range(6))) == 6
    assert len(read_counted_frames(path, [3], 6)) == 1
    assert frame_rate(path) == 25
    assert frame_times(path) is not None
    assert read_sound(path).notes == {"no sound track": 1}


def test_nothing_else_opens_files_for_reading() -> None:
    opened = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if "av.open(" in line and '"w"' not in line
    }
    assert opened == {"data/media/container.py"}


def test_limits_are_said_with_what_was_found() -> None:
    assert not too_large(7680, 4320)
    assert "60,000 x 60,000" in too_large(60_000, 60_000)
    assert not too_many(900_000)
    assert "2,000,000 frames" in too_many(2_000_000)


def test_pictures_and_frames_beyond_a_limit_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", frames=8)
    for reader in (count_frames, examine, lambda path: read_frames(path, [7])):
        with monkeypatch.context() as patch:
            patch.setattr(container, "MOST_FRAMES", 7)
            with pytest.raises(UnreadableVideo, match="it has 8 frames, and at most 7"):
                reader(path)
        with monkeypatch.context() as patch:
            patch.setattr(container, "MOST_PIXELS", 100 * 100)
            with pytest.raises(UnreadableVideo, match="160 x 96 pixels"):
                reader(path)
    monkeypatch.setattr(container, "MOST_FRAMES", 5)
    monkeypatch.setattr(decode, "MOST_FRAMES", 5)  # a container that does not count them
    with pytest.raises(UnreadableVideo, match="at most"):
        count_frames(write_video(tmp_path / "a.mkv", frames=8))


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        open_for_reading(tmp_path / "gone.mp4")


@pytest.mark.parametrize(
    ("version", "needed"), [("15.0.0", True), ("18.1.0", True), ("19.0.2", False), ("21.3", False)]
)
def test_only_a_pyav_that_has_the_argument_gets_it(version: str, needed: bool) -> None:
    assert bool(tags_ignored(version)) is needed
