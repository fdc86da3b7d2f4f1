"""The sha256 of files' contents, cached while a file's size and time of change stay the same."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tta_bench.data.datasets.hume_reaction import ListedReaction
from tta_bench.data.datasets.places import content_digest
from tta_bench.data.media.stat_cache import STAMP, StatCache, file_stat
from tta_bench.errors import UserError
from tta_bench.utils.keyed_random import digest as hash_of
from tta_bench.utils.progress import Bar

THREADS = 4
"""Files that are read at once; hashing releases Python's lock."""


def content_digests(paths: Iterable[Path], cache: Path) -> dict[Path, str]:
    """Return the sha256 of each file's bytes, or of the names and bytes of a folder's files.

    Args:
        paths: Files and folders.
        cache: JSON file of earlier results, which is extended, also where the call is interrupted.

    Raises:
        UserError: A file cannot be read.
    """
    results = StatCache(cache)
    try:
        stamps = {path: file_stat(path)[:STAMP] for path in paths}
        digests = {path: results.get(str(path.resolve()), stamp) for path, stamp in stamps.items()}
        fresh = [path for path, known in digests.items() if known is None]
        if fresh:
            pool = ThreadPoolExecutor(THREADS)
            with Bar("reading clips", len(fresh), "clips") as bar:
                try:
                    for path, digest in zip(fresh, pool.map(content_digest, fresh), strict=True):
                        digests[path] = [digest]
                        results.put(str(path.resolve()), stamps[path], [digest])
                        bar.advance()
                finally:
                    pool.shutdown(cancel_futures=True)
                    results.save()
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}.") from error
    return {path: str(known[0]) for path, known in digests.items() if known}


def reaction_contents(reactions: Iterable[ListedReaction], cache: Path) -> dict[str, str]:
    """Return the digest of the bytes of each clip's picture and sound, by id; without clips that have neither.

    Args:
        reactions: The clips.
        cache: JSON file of earlier results.

    Raises:
        UserError: A file cannot be read.
    """
    files = {clip.id: dict.fromkeys(path for path in (clip.video, clip.audio) if path) for clip in reactions}
    known = content_digests(dict.fromkeys(path for paths in files.values() for path in paths), cache)
    contents = {id: [known[path] for path in paths] for id, paths in files.items() if paths}
    return {id: found[0] if len(found) == 1 else hash_of(found) for id, found in contents.items()}
