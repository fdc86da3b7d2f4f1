"""What is wrong with the videos of a dataset: broken, empty, duplicate and too short ones."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.media.manifest import probe
from tta_bench.utils.progress import Bar

Item = TypeVar("Item")
Inode = tuple[int, int]
"""Device and number of a file, which all of its names share."""


@dataclass(frozen=True)
class Findings:
    """What is wrong with videos, by path.

    Args:
        videos: How many were looked at.
        broken: Why each of these cannot be decoded to its end, or read at all.
        empty: Files of no bytes.
        duplicates: Files that have the same bytes, in groups.
        short: How many frames each of these has.
    """

    videos: int
    broken: dict[str, str]
    empty: list[str]
    duplicates: list[list[str]]
    short: dict[str, int]

    @property
    def problems(self) -> int:
        """Videos that something is wrong with, of duplicates all but one."""
        again = sum(len(group) - 1 for group in self.duplicates)
        return len(self.broken) + len(self.empty) + again + len(self.short)


def check_videos(videos: Sequence[Clip], root: Path, cache: Path, workers: int, least: int) -> Findings:
    """Look at every video, ``workers`` at a time, and return what is wrong.

    A file that is there under several names, or several times with the same bytes, is decoded once. What was decoded is
    kept in ``cache``, so that a look that was broken off goes on, and a run of a protocol need not look again.

    Args:
        videos: What to look at; ids are unique.
        root: Folder that paths are given from.
        cache: File for what was decoded.
        workers: Threads.
        least: Frames that a video must have.
    """
    name = {clip.id: _below(clip.path, root) for clip in videos}
    sizes, inodes, broken = _look_up(videos, workers)
    empty = [clip for clip in videos if sizes.get(clip.id) == 0]
    present = [clip for clip in videos if sizes.get(clip.id)]
    same = _same_bytes(present, sizes, inodes, workers)
    first = {clip.id: group[0].id for group in same for clip in group}
    manifest = probe([clip for clip in present if first.get(clip.id, clip.id) == clip.id], cache, workers)
    short = {}
    for clip in present:
        decoded = first.get(clip.id, clip.id)
        if decoded in manifest.broken:
            broken[clip.id] = manifest.broken[decoded]
        elif manifest.frames[decoded] < least:
            short[name[clip.id]] = manifest.frames[decoded]
    return Findings(
        videos=len(videos),
        broken={name[clip]: reason for clip, reason in broken.items()},
        empty=[name[clip.id] for clip in empty],
        duplicates=[[name[clip.id] for clip in group] for group in same],
        short=short,
    )


def _below(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _look_up(videos: Sequence[Clip], workers: int) -> tuple[dict[str, int], dict[str, Inode], dict[str, str]]:
    """Return, by id, bytes and inodes of what is there, and why the rest cannot be looked up."""
    sizes: dict[str, int] = {}
    inodes: dict[str, Inode] = {}
    broken: dict[str, str] = {}

    def look(clip: Clip) -> None:
        try:
            state = clip.path.stat()
            inodes[clip.id] = (state.st_dev, state.st_ino)
            sizes[clip.id] = sum(file.stat().st_size for file in _files(clip.path))
        except OSError as error:
            broken[clip.id] = error.strerror or str(error)

    _for_all("looking up files", videos, look, workers)
    return sizes, inodes, broken


def _same_bytes(
    videos: Iterable[Clip], sizes: Mapping[str, int], inodes: Mapping[str, Inode], workers: int
) -> list[list[Clip]]:
    """Return the groups of videos that have the same bytes; only files of equal size are read."""
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
    """Return a digest of a file's bytes, or of those of a folder's images; what cannot be read is like nothing else."""
    digest = hashlib.blake2b(digest_size=20)
    try:
        for file in _files(path):
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "blake2b").digest())
    except OSError:
        return str(path)
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


def _for_all(title: str, items: Sequence[Item], do: Callable[[Item], None], workers: int) -> None:
    """Do something with every item, several at a time, and show how far it is."""
    if not items:
        return
    pool = ThreadPoolExecutor(workers)
    with Bar(title, len(items), "files") as bar:
        try:
            for _ in pool.map(do, items):
                bar.advance()
        finally:
            pool.shutdown(cancel_futures=True)
