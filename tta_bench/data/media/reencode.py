"""Videos written again once, small and with many key frames, so that a training reads them several times faster."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.media.container import MOST_PIXELS, MOST_PIXELS_TO_SHRINK, UnreadableVideo
from tta_bench.data.media.decode import Pixels, decoder_version, every_frame, frame_rate, picture_size
from tta_bench.data.media.encode import Encoding, write_video
from tta_bench.errors import UserError
from tta_bench.utils.files import temporary_path, write_atomic
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.progress import Bar

SETTINGS_FILE = "prepared.json"
"""File in the new folder that states how its videos were written."""
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Container by suffix; a video of another suffix is written as MP4, under a name that ends so."""

_huge = threading.Lock()
"""Held while a video of pictures beyond `MOST_PIXELS` is decoded, whose decoder takes gigabytes."""


class Settings(NamedTuple):
    """Form of the new videos."""

    size: int
    """Short side in pixels; a smaller video keeps its own."""
    key_frames: int
    """Frames from one key frame to the next."""

    def encoding(self, container: str) -> Encoding:
        """Return H.264 of visually lossless quality with these key frames; MPEG-4 Part 2 where there is no encoder."""
        every = {"g": str(self.key_frames)}
        x264 = {"preset": "veryfast", "crf": "18", "sc_threshold": "0", **every}
        return Encoding(container, {"libx264": x264, "mpeg4": {"qmin": "2", "qmax": "3", **every}}, bitexact=True)


class Reencoded(NamedTuple):
    """Result of `reencode_videos`."""

    written: int
    before: int
    """Videos that were there already."""
    broken: dict[str, str]
    """The decoder's error for each video that was left out."""


def reencode_videos(videos: Sequence[Clip], base: Path, into: Path, settings: Settings, workers: int) -> Reencoded:
    """Write each video again below a new folder; those that are there already are skipped. Sound is left out.

    A video gets its name when it is complete. Frames are neither dropped nor added.

    Args:
        videos: The videos.
        base: Folder that contains all of them.
        into: Folder to write to; neither inside ``base`` nor around it.
        settings: Form of the new videos.
        workers: Threads; PyAV lets others run while it decodes and encodes.

    Raises:
        UserError: The folders overlap, a video is a folder of frames or gets another's name, or ``into`` has videos of
            other settings.
    """
    targets = _targets(videos, base, into)
    _state(into, settings)
    written, before, broken = 0, 0, {}
    pool = ThreadPoolExecutor(workers)
    work = {pool.submit(reencode_video, source, target, settings): source for target, source in targets.items()}
    with Bar("writing videos again", len(work), "videos") as bar:
        try:
            for job in as_completed(work):
                try:
                    fresh = job.result()
                    written, before = written + fresh, before + (not fresh)
                except (UnreadableVideo, OSError) as error:
                    broken[work[job].relative_to(base).as_posix()] = getattr(error, "reason", str(error))
                bar.advance()
        finally:
            pool.shutdown(cancel_futures=True)
    return Reencoded(written, before, dict(sorted(broken.items())))


def reencode_video(source: Path, target: Path, settings: Settings) -> bool:
    """Write one video again; return False if it is there already.

    Raises:
        UnreadableVideo: It cannot be decoded to its end.
    """
    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    part = temporary_path(target)
    try:
        encoding = settings.encoding(CONTAINERS[target.suffix.lower()])
        write_video(part, _small_frames(source, settings.size), frame_rate(source), encoding)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return True


def _small_frames(source: Path, size: int) -> Iterator[Pixels]:
    """Yield a video's frames with a short side of at most so many pixels; of huge ones, one video at a time."""
    width, height = picture_size(source)
    if width * height <= MOST_PIXELS:
        yield from every_frame(source, size)
        return
    with _huge:
        yield from every_frame(source, size, MOST_PIXELS_TO_SHRINK)


def prepared_settings(root: Path) -> str | None:
    """Return the digest of the settings by which a folder's videos were written again; None where they were not.

    Args:
        root: Folder of the videos, or a list in it.

    Raises:
        UserError: The file that states them cannot be read.
    """
    file = (root.parent if root.is_file() else root) / SETTINGS_FILE
    if not file.is_file():
        return None
    try:
        return digest(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, OSError) as error:
        raise UserError(
            f"{file} states how the videos were prepared, and cannot be read: {error}.",
            "Restore it, or prepare the videos again in another folder.",
        ) from error


def _targets(videos: Sequence[Clip], base: Path, into: Path) -> dict[Path, Path]:
    """Return the source of each new file."""
    one, other = base.resolve(), into.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UserError(
            f"{into} and {base} lie one inside the other.", "Name another folder: sources are never overwritten."
        )
    targets: dict[Path, Path] = {}
    for clip in videos:
        if clip.path.is_dir():
            raise UserError(f"{clip.path} is a folder of frames, which is read fast as it is.")
        if not clip.path.is_relative_to(base):
            raise UserError(f"{clip.path} is not below {base}.", "Copy or link it there.")
        target = into / clip.path.relative_to(base)
        target = target if target.suffix.lower() in CONTAINERS else target.with_suffix(".mp4")
        if targets.setdefault(target, clip.path) != clip.path:
            raise UserError(f"{clip.path} and {targets[target]} would both become {target}.")
    return targets


def _state(into: Path, settings: Settings) -> None:
    """Write the settings into the new folder, or compare them with those that are there.

    Raises:
        UserError: The folder has videos of other settings.
    """
    file = into / SETTINGS_FILE
    said = {**settings._asdict(), "decoder": decoder_version(), "sound": False}
    if file.is_file():
        try:
            there = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            there = None
        if not isinstance(there, dict) or any(there.get(key) != value for key, value in said.items()):
            raise UserError(f"{into} has videos of other settings: {file} says {there}.", "Name another folder.")
        return
    into.mkdir(parents=True, exist_ok=True)
    write_atomic(file, (json.dumps(said, indent=2) + "\n").encode())
