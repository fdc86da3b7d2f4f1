"""The sha256 of files' contents, cached while a file's size and time of change stay the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tta_bench.data.datasets.hume_reaction import ListedReaction
from tta_bench.data.datasets.places import content_digest
from tta_bench.data.media.stat_cache import STAMP, StatCache, file_stat
from tta_bench.errors import UserError, shorten
from tta_bench.utils.keyed_random import digest as hash_of
from tta_bench.utils.printable import counted
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
    stamps = stamps_of(paths)
    try:
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


def stamps_of(paths: Iterable[Path]) -> dict[Path, tuple[int, ...]]:
    """Return the stamp of each file's contents, of which a change of its bytes makes another.

    Raises:
        UserError: A file cannot be looked up.
    """
    try:
        return {path: file_stat(path)[:STAMP] for path in paths}
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}.") from error


def is_unchanged(path: Path, stamp: tuple[int, ...], sha256: str) -> bool:
    """Return True if a file's bytes are those of a digest; it is read only where its stamp is another."""
    try:
        return file_stat(path)[:STAMP] == stamp or content_digest(path) == sha256
    except OSError:
        return False


def require_same_contents(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Refuse clips whose bytes are not what they were.

    Args:
        before: Digest of each clip's bytes, by id.
        after: The same at a later time.

    Raises:
        UserError: Clips have other bytes, or are gone; counts and names them.
    """
    changed = sorted(id for id in before.keys() | after.keys() if before.get(id) != after.get(id))
    if changed:
        raise changed_clips(changed)


def changed_clips(ids: Sequence[str]) -> UserError:
    """Return the error that names clips which changed while they were used."""
    return UserError(
        f"{counted(len(ids), 'clip')} changed while the run went on: {shorten(ids)}.",
        "There is no score, since it would be of other data. Restore them, or start anew with the new ones.",
    )


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
