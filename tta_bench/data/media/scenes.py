"""The longest scene of each video, as in TikTokActions (Qian et al., arXiv 2402.08875), found by PySceneDetect."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal

import cv2

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import VIDEO_SUFFIXES, every_frame, frame_rate
from tta_bench.data.media.encode import h264, write_video
from tta_bench.data.media.reencode import SETTINGS_FILE
from tta_bench.errors import UserError
from tta_bench.utils.progress import Bar

SCENE_SIDE = 144
"""Short side, in pixels, of the pictures in which cuts are detected."""
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".avi": "avi", ".flv": "flv", ".ts": "mpegts"}
"""Container of H.264 by suffix; Matroska for any other."""

Done = Literal["cut", "whole", "before"]


@dataclass(frozen=True)
class Prepared:
    """Result of `prepare_videos`: numbers of videos cut, copied whole and done before, and the errors of the others."""

    counts: dict[Done, int]
    broken: dict[str, str] = field(default_factory=dict)


def prepare_videos(videos: Sequence[Clip], base: Path, into: Path, workers: int) -> Prepared:
    """Write the longest scene of each video below a new folder, under the name that the video has below its own.

    A video of one scene is copied unchanged, and so is a folder of frames. Videos that are there already are skipped: a
    file gets its name when it is complete. Cut videos have no sound.

    Args:
        videos: The videos.
        base: Folder that contains all of them.
        into: Folder to write to; neither inside ``base`` nor around it.
        workers: Threads.

    Raises:
        UserError: PySceneDetect is not installed, or the folders overlap.
    """
    require_scenedetect()
    targets = {clip: into / clip.path.relative_to(base) for clip in _inside(videos, base)}
    if _overlap(base.resolve(), into.resolve()):
        raise UserError(
            f"{into} and {base} lie one inside the other.", "Name another folder: sources are never overwritten."
        )
    counts: dict[Done, int] = {"cut": 0, "whole": 0, "before": 0}
    broken: dict[str, str] = {}
    pool = ThreadPoolExecutor(workers)
    work = {pool.submit(prepare_video, clip.path, target): clip for clip, target in targets.items()}
    with Bar("keeping the longest scene", len(work), "videos") as bar:
        try:
            for job in as_completed(work):
                try:
                    counts[job.result()] += 1
                except (UnreadableVideo, OSError) as error:
                    broken[work[job].path.relative_to(base).as_posix()] = getattr(error, "reason", str(error))
                bar.advance()
        finally:
            pool.shutdown(cancel_futures=True)
    return Prepared(counts, dict(sorted(broken.items())))


def copy_lists(base: Path, into: Path) -> None:
    """Copy a dataset's lists: all text files below a folder, but not over the new videos' own settings."""
    for file in base.rglob("*"):
        small = file.suffix.lower() in (".csv", ".json", ".md", ".txt", ".xlsx", ".yaml")
        if small and file.is_file() and file.suffix.lower() not in VIDEO_SUFFIXES:
            target = into / file.relative_to(base)
            if target == into / SETTINGS_FILE and target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def prepare_video(source: Path, target: Path) -> Done:
    """Write a video's longest scene, or the video itself if it is one scene, and return the kind of result.

    Raises:
        UnreadableVideo: The video cannot be decoded to its end.
    """
    if target.exists():
        return "before"
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    scene = None if source.is_dir() else longest_scene(source)
    if scene is None:
        if source.is_dir():
            shutil.copytree(source, part, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, part)
    else:
        encoding = h264(CONTAINERS.get(target.suffix, "matroska"))
        write_video(part, islice(every_frame(source), *scene), frame_rate(source), encoding)
    part.replace(target)
    return "whole" if scene is None else "cut"


def longest_scene(path: Path) -> tuple[int, int] | None:
    """Return first frame and end (exclusive) of a video's longest scene; None for a video of a single one.

    Cuts are those of PySceneDetect's ContentDetector with its own threshold, in counted frames.

    Raises:
        UnreadableVideo: The video cannot be decoded to its end.
    """
    from scenedetect import ContentDetector, FrameTimecode

    detector = ContentDetector()
    cuts, length = [0], 0
    for frame in every_frame(path, SCENE_SIDE):
        time = FrameTimecode(length, 25.0)  # any rate: only frame numbers are used
        cuts += [cut.frame_num for cut in detector.process_frame(time, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))]
        length += 1
    cuts += [cut.frame_num for cut in detector.post_process(FrameTimecode(length, 25.0))]
    edges = [*sorted(set(cuts)), length]
    scenes = list(pairwise(edges))
    return max(scenes, key=lambda scene: scene[1] - scene[0]) if len(scenes) > 1 else None


def require_scenedetect() -> None:
    """Raise UserError with the command that installs PySceneDetect, if it is not installed."""
    try:
        import scenedetect  # noqa: F401
    except ImportError:
        raise UserError("PySceneDetect is not installed.", "pip install 'tta-bench[scenes]'") from None


def _inside(videos: Sequence[Clip], base: Path) -> Sequence[Clip]:
    outside = [str(clip.path) for clip in videos if not clip.path.is_relative_to(base)]
    if outside:
        raise UserError(f"{len(outside):,} videos are not below {base}: {outside[0]}.", "Copy or link them there.")
    return videos


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
