"""Problems of a dataset's videos: broken, empty, duplicate and too short files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.datasets.find_clips import unknown_suffixes
from tta_bench.data.media.manifest import check_clips
from tta_bench.utils.files import sha256_of
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.progress import Bar

Job = TypeVar("Job")
Inode = tuple[int, int]
"""Device and number of a file, which all of its names share."""


@dataclass(frozen=True)
class VideoProblems:
    """Videos with problems, by path.

    Args:
        videos: Number of videos that were checked.
        broken: The decoder's or the system's error for each video that cannot be decoded to its end.
        empty: Files of no bytes.
        duplicates: Groups of files with the same bytes.
        short: Frame count of each video that is too short.
        doubtful: Signs of damage, or of an early end, of videos that can be decoded; no problem, for headers are wrong.
        left_out: Number of files beside the videos by their suffix, where the suite does not know it.
    """

    videos: int
    broken: dict[str, str]
    empty: list[str]
    duplicates: list[list[str]]
    short: dict[str, int]
    doubtful: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Videos with problems; of duplicates, all but one."""
        again = sum(len(group) - 1 for group in self.duplicates)
        return len(self.broken) + len(self.empty) + again + len(self.short)


def check_videos(videos: Sequence[Clip], root: Path, cache: Path, workers: int, least: int) -> VideoProblems:
    """Check every video, ``workers`` at a time, and return those with problems.

    A file that has several names, or copies with the same bytes, is decoded once. Results are cached in ``cache``: an
    interrupted check resumes, and the run of a protocol reuses them.

    Args:
        videos: The videos; ids are unique.
        root: Folder that paths are relative to.
        cache: Cache file of the decode check.
        workers: Threads.
        least: Frames that a video must have.
    """
    name = {clip.id: _below(clip.path, root) for clip in videos}
    sizes, inodes, broken = _look_up(videos, workers)
    empty = [clip for clip in videos if sizes.get(clip.id) == 0]
    present = [clip for clip in videos if sizes.get(clip.id)]
    same = _same_bytes(present, sizes, inodes, workers)
    first = {clip.id: group[0].id for group in same for clip in group}
    manifest = check_clips([clip for clip in present if first.get(clip.id, clip.id) == clip.id], cache, workers)
    short, doubtful = {}, {}
    for clip in present:
        decoded = first.get(clip.id, clip.id)
        if decoded in manifest.broken:
            broken[clip.id] = manifest.broken[decoded]
            continue
        if decoded in manifest.doubtful:
            doubtful[name[clip.id]] = manifest.doubtful[decoded]
        if manifest.frames[decoded] < least:
            short[name[clip.id]] = manifest.frames[decoded]
    return VideoProblems(
        videos=len(videos),
        broken={name[clip]: reason for clip, reason in broken.items()},
        empty=[name[clip.id] for clip in empty],
        duplicates=[[name[clip.id] for clip in group] for group in same],
        short=short,
        doubtful=doubtful,
        left_out=unknown_suffixes({clip.path.parent for clip in videos}),
    )


def _below(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _look_up(videos: Sequence[Clip], workers: int) -> tuple[dict[str, int], dict[str, Inode], dict[str, str]]:
    """Return, by id, sizes in bytes and inodes, and the system's error where a video cannot be looked up."""
    sizes: dict[str, int] = {}
    inodes: dict[str, Inode] = {}
    broken: dict[str, str] = {}

    def look_up(clip: Clip) -> None:
        try:
            state = clip.path.stat()
            inodes[clip.id] = (state.st_dev, state.st_ino)
            sizes[clip.id] = sum(file.stat().st_size for file in _files(clip.path))
        except OSError as error:
            broken[clip.id] = error.strerror or str(error)

    _for_all("looking up files", videos, look_up, workers)
    return sizes, inodes, broken


def _same_bytes(
    videos: Iterable[Clip], sizes: Mapping[str, int], inodes: Mapping[str, Inode], workers: int
) -> list[list[Clip]]:
    """Return groups of videos with the same bytes; only files of equal size are read."""
    by_size: dict[int, dict[Inode, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    for clip in videos:
        by_size[sizes[clip.id]][inodes[clip.id]].append(clip)
    alike = [clips for files in by_size.values() if len(files) > 1 for clips in files.values()]
    digests: dict[str, str] = {}

    def read(clips: Sequence[Clip]) -> None:
        digests[clips[0].id] = _digest(clips[0].path)

    _for_all("comparing files of equal size", alike, read, workers)
    groups: dict[object, list[Clip]] = defaultdict(list)
    for files in by_size.values():
        for inode, clips in files.items():
            groups[digests.get(clips[0].id, inode)] += clips
    return [group for group in groups.values() if len(group) > 1]


def _digest(path: Path) -> str:
    """Return a digest of a file's bytes, or of a folder's images in order; for an unreadable file, its own path."""
    try:
        return digest([sha256_of(file) for file in _files(path)])
    except OSError:
        return str(path)


def _files(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


def _for_all(title: str, items: Sequence[Job], do: Callable[[Job], None], workers: int) -> None:
    """Call a function with every item, several at a time, with a progress bar."""
    if not items:
        return
    pool = ThreadPoolExecutor(workers)
    with Bar(title, len(items), "files") as bar:
        try:
            for _ in pool.map(do, items):
                bar.advance()
        finally:
            pool.shutdown(cancel_futures=True)
