"""Copies of clips on a disk of this machine, named by their contents: read from there where the data lie far away."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.media.manifest import Manifest
from tta_bench.data.media.stat_cache import STAMP, file_stat
from tta_bench.errors import UserError
from tta_bench.utils.files import atomic_file, require_folder, sweep
from tta_bench.utils.progress import Bar

COPIERS = 8
"""Files that are copied at once."""
BLOCK = 2**20
_Listed = TypeVar("_Listed", Sample, Clip)


class Wanted(NamedTuple):
    """A file that a disk of this machine is to have."""

    source: Path
    target: Path
    bytes: int
    sha256: str

    @property
    def is_there(self) -> bool:
        """True if there is a copy of its size; copies get their name when their digest was right."""
        return self.target.is_file() and self.target.stat().st_size == self.bytes


def wanted_copies(clips: Sequence[Sample | Clip], manifest: Manifest, folder: Path) -> dict[str, Wanted]:
    """Return the copies of clips by id; a folder of frames has none.

    Args:
        clips: The clips, each of which was decoded once.
        manifest: State and digest of each.
        folder: Folder of the copies, which any number of runs and processes may share.
    """
    wanted = {}
    for clip in clips:
        digest, stamp = manifest.contents.get(clip.id), manifest.stamps.get(clip.id)
        if digest and stamp and not clip.path.is_dir():
            target = folder / digest[:2] / f"{digest}{clip.path.suffix}"
            wanted[clip.id] = Wanted(clip.path, target, stamp[0], digest)
    return wanted


def missing_copies(wanted: Mapping[str, Wanted]) -> list[Wanted]:
    """Return the copies that are not there yet, each content once.

    Raises:
        UserError: The disk has no room for them.
    """
    todo = [*{copy.target: copy for copy in wanted.values() if not copy.is_there}.values()]
    folders = [copy.target.parent.parent for copy in todo[:1]]
    for folder in folders:
        require_folder(folder)
        nearest = next(part for part in (folder.absolute(), *folder.absolute().parents) if part.is_dir())
        needed, free = sum(copy.bytes for copy in todo), shutil.disk_usage(nearest).free
        if needed > free:
            raise UserError(
                f"data.cache={folder}: copies of {len(todo):,} clips need {needed / 1e9:,.3f} GB, and "
                f"{free / 1e9:,.3f} GB are free.",
                "Name a folder on a larger disk, or leave data.cache out.",
            )
    return todo


def copy_all(wanted: Mapping[str, Wanted]) -> dict[str, Path]:
    """Copy what is not there yet, and return the copy of each clip by id.

    Processes that copy the same at once do not disturb each other: a copy appears whole, or not at all.

    Raises:
        UserError: The disk has no room for them, or a clip is no longer what it was when it was decoded.
    """
    todo = missing_copies(wanted)
    if todo:
        sweep(todo[0].target.parent.parent, deep=True)
        with Bar("copying clips", len(todo), "clips") as bar, ThreadPoolExecutor(COPIERS) as pool:
            for _ in pool.map(_copy, todo):
                bar.advance()
    return {id: copy.target for id, copy in wanted.items()}


def _copy(copy: Wanted) -> None:
    hashed = hashlib.sha256()
    with atomic_file(copy.target) as file, copy.source.open("rb") as original:
        while block := original.read(BLOCK):
            hashed.update(block)
            file.write(block)
        if hashed.hexdigest() != copy.sha256:
            raise UserError(
                f"{copy.source} has other bytes than when it was decoded.", "Run this again: it is decoded anew."
            )


def read_from(clips: Sequence[_Listed], copies: Mapping[str, Path]) -> tuple[_Listed, ...]:
    """Return clips that are read from their copies, where they have one."""
    return tuple(replace(clip, path=copies.get(clip.id, clip.path)) for clip in clips)


def manifest_of_copies(manifest: Manifest, copies: Mapping[str, Path]) -> Manifest:
    """Return a manifest of the copies: the same contents, and the state of the files that are read now."""
    stamps = {id: tuple(file_stat(path)[:STAMP]) for id, path in copies.items()}
    return replace(manifest, stamps={**manifest.stamps, **stamps})


def cache_line(wanted: Mapping[str, Wanted], clips: int, folder: Path) -> dict[str, str]:
    """Return the named line of a plan on the copies.

    Raises:
        UserError: The disk has no room for them.
    """
    todo = missing_copies(wanted)
    size, left = sum(copy.bytes for copy in todo), clips - len(wanted)
    text = f"{len(todo):,} of {clips:,} clips are copied to {folder} first, {size / 1e9:,.3f} GB"
    return {"cache": text + (f"; {left:,} folders of frames stay where they are" if left else "")}
