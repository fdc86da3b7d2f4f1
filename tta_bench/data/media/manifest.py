"""Decode check: frame count, bytes, size and fingerprint of every clip, or the decoder's error (cached)."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import decoder_version
from tta_bench.data.media.examine import examine
from tta_bench.data.media.file_hashes import changed_clips
from tta_bench.data.media.frame_folders import frame_files
from tta_bench.data.media.stat_cache import LOOK, STAMP, FileStat, StatCache, file_stat
from tta_bench.utils.files import sha256_of
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.progress import Bar

SAVE_SECONDS = 30.0
"""Time between writes of the cache, so that an interrupted check resumes."""


@dataclass(frozen=True)
class Manifest:
    """Result of a decode check by clip id.

    Args:
        frames: Frame count of each readable clip.
        broken: The decoder's error for each other clip.
        contents: sha256 of each clip's bytes; of a folder of frames, the digest of its images in order.
        looks: Size and fingerprint of each readable clip.
        stamps: State of each clip's files before they were read.
        doubtful: Signs of damage, or of an early end, of readable clips.
    """

    frames: dict[str, int]
    broken: dict[str, str]
    contents: dict[str, str] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)
    stamps: dict[str, tuple[int, ...]] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)

    def identity(self, samples: Iterable[Sample]) -> str:
        """Return a sha256 over ids, labels, groups and frame counts (0 if broken), in any order and at any path."""
        return digest(
            sorted([s.id, s.label, s.group, 0 if s.id in self.broken else self.frames[s.id]] for s in samples)
        )

    def corpus_identity(self, clips: Iterable[Clip]) -> str:
        """Return a sha256 over ids, hashtags and frame counts (0 if broken), in any order and at any path."""
        return digest(sorted([clip.id, clip.hashtag, self.frames.get(clip.id, 0)] for clip in clips))

    def contents_of(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the digest of the bytes of those of some clips that can be read."""
        return {id: self.contents[id] for id in ids if id in self.contents}

    def contents_identity(self, ids: Iterable[str]) -> str:
        """Return a sha256 over clips' ids and the digests of their bytes, in any order and at any path."""
        return contents_digest({id: self.contents.get(id, "") for id in ids})

    def require_unchanged(self, clips: Iterable[ClipLike]) -> None:
        """Check that clips are what they were when they were decoded; only those of another state are read again.

        Raises:
            UserError: Clips have other bytes, or are gone; counts and names them.
        """
        changed = []
        for clip in clips:
            try:
                same = file_stat(clip.path)[:STAMP] == self.stamps.get(clip.id)
                if not same and content_of(clip.path) != self.contents.get(clip.id):
                    changed.append(clip.id)
            except (OSError, UnreadableVideo):
                changed.append(clip.id)
        if changed:
            raise changed_clips(changed)


def contents_digest(contents: Mapping[str, str]) -> str:
    """Return a sha256 over clips' ids and the digests of their bytes, in any order."""
    return digest(sorted([id, sha256] for id, sha256 in contents.items()))


def content_of(path: Path) -> str:
    """Return the sha256 of a file's bytes; of a folder of frames, the digest of those of its images in order.

    Raises:
        OSError: A file cannot be read.
        UnreadableVideo: A folder has no images.
    """
    return digest([sha256_of(file) for file in frame_files(path)]) if path.is_dir() else sha256_of(path)


def manifest_file(work_dir: Path, dataset: str, root: Path) -> Path:
    """Return the cache file of the decode check of a dataset in a folder."""
    return work_dir / "manifests" / f"{dataset}-{digest(str(root.resolve()))[:12]}.json"


class ClipLike(Protocol):
    """An id and a file: a `Sample` or a `Clip`, for instance."""

    @property
    def id(self) -> str:
        """Its unique name."""

    @property
    def path(self) -> Path:
        """Its file or folder of frames."""


class Look(NamedTuple):
    """Size and fingerprint of a readable clip."""

    width: int
    """Pixels of the first frame, upright."""
    height: int
    """Pixels of the first frame, upright."""
    fingerprint: str
    """Perceptual hash of 8 frames, in hex; see `tta_bench.data.media.fingerprint`."""


class Check(NamedTuple):
    """Result of decoding a clip to its end."""

    frames: int
    """Frames that it decodes to; 0 where it cannot be read."""
    reason: str
    """The decoder's error; empty where there is none."""
    content: str
    """sha256 of its bytes; empty where they cannot be read."""
    doubt: str = ""
    """Signs of damage; empty where there are none."""
    width: int = 0
    height: int = 0
    fingerprint: str = ""


def check_clips(samples: Sequence[ClipLike], cache: Path, workers: int) -> Manifest:
    """Decode every clip to its end, ``workers`` at a time, and return the findings.

    Results are cached in the JSON file ``cache``, regularly and when interrupted, so that the next call decodes only
    clips that are new or changed. A file that has several names is decoded once. One whose state alone changed (another
    owner or name) is read, and decoded only if its bytes are others.
    """
    results = StatCache(cache, decoder_version())
    checks: dict[str, Check] = {}
    stamps: dict[str, tuple[int, ...]] = {}
    work: dict[FileStat, list[ClipLike]] = defaultdict(list)
    for sample in {sample.id: sample for sample in samples}.values():
        try:
            stat = file_stat(sample.path)
        except OSError as error:
            checks[sample.id] = Check(0, error.strerror or str(error), "")
            continue
        stamps[sample.id] = stat[:STAMP]
        known = _known(results, sample, stat)
        if known is None:
            work[stat].append(sample)
        else:
            checks[sample.id] = known
    if work:
        checks |= _decode_all(work, results, workers)
    broken = {sample.id: checks[sample.id].reason for sample in samples if checks[sample.id].reason}
    good = {sample.id: checks[sample.id] for sample in samples if sample.id not in broken}
    return Manifest(
        frames={id: check.frames for id, check in good.items()},
        broken=broken,
        doubtful={id: check.doubt for id, check in good.items() if check.doubt},
        contents={id: check.content for id, check in checks.items() if check.content},
        looks={id: Look(check.width, check.height, check.fingerprint) for id, check in good.items()},
        stamps=stamps,
    )


def _known(results: StatCache, sample: ClipLike, stat: FileStat) -> Check | None:
    """Return the cached result of a clip, if its bytes are the same."""
    match results.get(sample.id, stat[:LOOK]):
        case [int(ctime), int(frames), str(reason), str(content), str(doubt), int(width), int(height), str(mark)]:
            check = Check(frames, reason, content, doubt, width, height, mark)
            if ctime == stat.ctime_ns:
                return check
            with suppress(OSError, UnreadableVideo):
                if content_of(sample.path) == content:
                    results.put(sample.id, stat[:STAMP], check)
                    return check
    return None


def _decode_all(work: Mapping[FileStat, Sequence[ClipLike]], results: StatCache, workers: int) -> dict[str, Check]:
    """Decode one clip of each file and return the result for all clips of the file, saving regularly."""
    checks: dict[str, Check] = {}
    saved = time.monotonic()
    pool = ThreadPoolExecutor(workers)  # PyAV lets other threads run while it decodes
    jobs = {pool.submit(_check, same[0].path): (stat, same) for stat, same in work.items()}
    with Bar("checking clips", sum(map(len, work.values())), "clips") as bar:
        try:
            for job in as_completed(jobs):
                stat, same = jobs[job]
                for sample in same:
                    checks[sample.id] = job.result()
                    results.put(sample.id, stat[:STAMP], checks[sample.id])
                bar.advance(len(same))
                if time.monotonic() - saved > SAVE_SECONDS:
                    results.save()
                    saved = time.monotonic()
        finally:
            pool.shutdown(cancel_futures=True)
            results.save()
    return checks


def _check(path: Path) -> Check:
    try:
        found = examine(path)
        return Check(found.frames, "", content_of(path), *found[1:])
    except UnreadableVideo as error:
        return Check(0, error.reason, _content_or_none(path))
    except OSError as error:
        return Check(0, error.strerror or str(error), "")


def _content_or_none(path: Path) -> str:
    """Return the digest of an unreadable video's bytes; nothing where they cannot be read either."""
    try:
        return content_of(path)
    except (OSError, UnreadableVideo):
        return ""
