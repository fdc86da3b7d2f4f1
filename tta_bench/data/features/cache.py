"""On-disk cache of features (face crops, sound features), filled by worker processes.

A result is stored under the sha256 of the clip's content and the digest of the extractor's settings and versions, so a
renamed clip is found again and a changed one is not.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Generator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from tta_bench.data.features.store import FeatureStore, Made, feature_file
from tta_bench.data.media.file_hashes import changed_clips, content_digests, is_unchanged, stamps_of
from tta_bench.errors import RunFailed, UserError, shorten
from tta_bench.utils.files import atomic_file, sweep
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.printable import counted
from tta_bench.utils.progress import Bar, console
from tta_bench.utils.signals import serve

NO_FILE = "no file"
"""Note about a clip without such a file."""


class Extractor(Protocol):
    """A function of a clip's file that gives its values, or None, and notes about it."""

    def __call__(self, path: Path, /) -> tuple[NDArray[Any] | None, dict[str, int]]:
        """Return the values, and the number of corrections by name."""
        ...

    def identity(self) -> dict[str, Any]:
        """Return everything that the values depend on, as JSON."""
        ...


@dataclass(frozen=True)
class Features:
    """The features of some clips.

    Args:
        files: The NPY file of each clip by id; None for a clip without values.
        notes: Corrections and gaps, with their number, by id; only clips with any.
        made: Number of clips whose values were made now.
        reused: Number of clips whose values were in the cache.
    """

    files: dict[str, Path | None]
    notes: dict[str, dict[str, int]]
    made: int
    reused: int

    def read(self, id: str) -> NDArray[Any] | None:
        """Return a clip's values, or None where there are none."""
        file = self.files[id]
        return None if file is None else np.load(file, allow_pickle=False)

    def totals(self) -> dict[str, tuple[int, int]]:
        """Return, for each kind of note, its total number and the number of clips with it."""
        names = sorted({name for note in self.notes.values() for name in note})
        return {
            name: (sum(note.get(name, 0) for note in self.notes.values()), sum(name in n for n in self.notes.values()))
            for name in names
        }

    def summary(self) -> str:
        """Return the numbers of clips made and reused, and the notes, in a line."""
        line = f"{len(self.files):,} clips: {self.reused:,} reused, {self.made:,} made"
        noted = [
            f"{name}: {clips:,} clips" + (f" ({times:,})" if times != clips else "")
            for name, (times, clips) in self.totals().items()
        ]
        return "; ".join([line, *noted])


def extract(
    sources: Mapping[str, Path | None], extractor: Extractor, cache: Path, workers: int, title: str
) -> Features:
    """Extract the features of each clip that is not in the cache, and print the numbers of clips made and reused.

    Values are written as soon as they are made, so an interrupted extraction resumes.

    Args:
        sources: The file of each clip by id, or its folder of frames; None for a clip that has none.
        extractor: The extractor.
        cache: Folder of the cache.
        workers: Number of worker processes; 0 for this process alone.
        title: Title of the progress bar.

    Raises:
        UserError: A clip cannot be read, or changed while it was; or the clips' values differ in their last dimension,
            the number of features.
        RunFailed: A worker process died, perhaps out of memory.
    """
    paths = {id: path for id, path in sources.items() if path is not None}
    sweep(cache)
    stamps = stamps_of(paths.values())
    contents = content_digests(paths.values(), cache / "contents.json")
    identity = extractor.identity()
    store = FeatureStore(cache / digest(identity)[:16], identity)
    todo: dict[str, Path] = {}
    users: dict[str, list[str]] = defaultdict(list)
    for id, path in paths.items():
        content = contents[path]
        users[content].append(id)
        if content not in store:
            todo[content] = path
    if todo:
        sweep(store.folder, deep=True)
        with Bar(title, len(todo), "clips") as bar, closing(_work(todo, extractor, store.folder, workers)) as work:
            for content, made in work:
                if not is_unchanged(todo[content], stamps[todo[content]], content):  # its values are of other bytes
                    feature_file(store.folder, content).unlink(missing_ok=True)
                    raise changed_clips([id for id in users[content] if paths[id] == todo[content]])
                size = store.add(content, made)
                bar.advance()
                _require_room(size * (bar.total - bar.done), store.folder, title)
    _require_one_width({id: store.width(contents[path]) for id, path in paths.items()}, title)
    fresh = sum(len(users[content]) for content in todo)
    noted = {id: store.notes(contents[path]) for id, path in paths.items()}
    noted |= {id: {NO_FILE: 1} for id in sources.keys() - paths.keys()}
    features = Features(
        {id: store.file(contents[path]) if path is not None else None for id, path in sources.items()},
        {id: noted[id] for id in sources if noted[id]},
        fresh,
        len(paths) - fresh,
    )
    console.print(f"{title}: {features.summary()}", markup=False, soft_wrap=True)
    return features


def _require_one_width(widths: Mapping[str, int], title: str) -> None:
    """Check that all clips that have values have the same number of them in the last dimension."""
    ids: dict[int, list[str]] = defaultdict(list)
    for id, width in widths.items():
        if width:
            ids[width].append(id)
    if len(ids) > 1:
        listed = [
            f"{width:,} for {counted(len(those), 'clip')} ({shorten(those, 2)})" for width, those in sorted(ids.items())
        ]
        raise UserError(f"{title}: the clips have different numbers of features: {'; '.join(listed)}.")


def _require_room(size: int, folder: Path, title: str) -> None:
    """Check that the disk has room for so many more bytes."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{title}: the rest needs about {size / 1e9:,.1f} GB of disk, and {free / 1e9:,.1f} GB are free.",
            "Set TTA_BENCH_CACHE to a folder on a larger disk. Finished clips are kept.",
        )


def _work(todo: Mapping[str, Path], extractor: Extractor, folder: Path, workers: int) -> Generator[tuple[str, Made]]:
    """Write the values of each content, in worker processes, and yield each result when it is done."""
    if workers == 0:
        for content, path in todo.items():
            yield content, _make(extractor, path, feature_file(folder, content))
        return
    # A forked worker has the plug-ins of this process; other systems use Python's default.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    pool = ProcessPoolExecutor(min(workers, len(todo)), context, _begin, (extractor, os.getpid()))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # before workers are forked, for they would wait for OpenCV's threads, which stay behind
    jobs = {pool.submit(_job, path, feature_file(folder, content)): content for content, path in todo.items()}
    cv2.setNumThreads(threads)
    done: set[str] = set()
    try:
        for job in as_completed(jobs):
            made = job.result()
            done.add(jobs[job])
            yield jobs[job], made
    except BrokenProcessPool as error:
        left = [path.name for content, path in todo.items() if content not in done]
        raise RunFailed(
            f"a worker process died with {len(left):,} of {len(todo):,} clips to do; the first of them are "
            f"{shorten(left)}.",
            "It may have run out of memory: try runtime.workers=1. Finished clips are kept.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_extractor: Extractor
"""The extractor of a worker process, set when it begins."""


def _begin(extractor: Extractor, parent: int) -> None:
    """Set up a worker process: signals are left to its parent, with which it ends; OpenCV uses one thread."""
    global _extractor
    serve(parent)
    cv2.setNumThreads(1)
    _extractor = extractor


def _job(path: Path, target: Path) -> Made:
    return _make(_extractor, path, target)


def _make(extractor: Extractor, path: Path, target: Path) -> Made:
    """Write a clip's values, if it has any, atomically."""
    values, notes = extractor(path)
    if values is None:
        return Made(0, notes)
    with atomic_file(target) as file:
        np.save(file, values, allow_pickle=False)
    return Made(values.shape[-1], notes)
