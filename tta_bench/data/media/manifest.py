"""Decode check: the frame count of every clip, or the decoder's error (cached)."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import decoder_version
from tta_bench.data.media.examine import examine
from tta_bench.data.media.stat_cache import FileStat, StatCache, file_stat
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
        doubtful: Signs of damage, or of an early end, of readable clips.
    """

    frames: dict[str, int]
    broken: dict[str, str]
    doubtful: dict[str, str] = field(default_factory=dict)

    def identity(self, samples: Iterable[Sample]) -> str:
        """Return a sha256 over ids, labels, groups and frame counts (0 if broken), in any order and at any path."""
        return digest(
            sorted([s.id, s.label, s.group, 0 if s.id in self.broken else self.frames[s.id]] for s in samples)
        )

    def corpus_identity(self, clips: Iterable[Clip]) -> str:
        """Return a sha256 over ids, hashtags and frame counts (0 if broken), in any order and at any path."""
        return digest(sorted([clip.id, clip.hashtag, self.frames.get(clip.id, 0)] for clip in clips))


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


class _Check(NamedTuple):
    """Result of decoding a clip to its end."""

    frames: int
    """Frames that it decodes to; 0 where it cannot be read."""
    reason: str
    """The decoder's error; empty where there is none."""
    doubt: str = ""
    """Signs of damage; empty where there are none."""


def check_clips(samples: Sequence[ClipLike], cache: Path, workers: int) -> Manifest:
    """Decode every clip to its end, ``workers`` at a time, and return the number of frames of each.

    Results are cached in the JSON file ``cache``, regularly and when interrupted, so that the next call decodes only
    clips that are new or changed. A file that has several names is decoded once.
    """
    results = StatCache(cache, decoder_version())
    checks: dict[str, _Check] = {}
    work: dict[FileStat, list[ClipLike]] = defaultdict(list)
    for sample in {sample.id: sample for sample in samples}.values():
        try:
            stat = file_stat(sample.path)
        except OSError as error:
            checks[sample.id] = _Check(0, error.strerror or str(error))
            continue
        match results.get(sample.id, stat[:2]):
            case [int(frames), str(reason), str(doubt)]:
                checks[sample.id] = _Check(frames, reason, doubt)
            case _:
                work[stat].append(sample)
    if work:
        checks |= _decode_all(work, results, workers)
    broken = {sample.id: checks[sample.id].reason for sample in samples if checks[sample.id].reason}
    counts = {sample.id: checks[sample.id].frames for sample in samples if sample.id not in broken}
    return Manifest(counts, broken, {id: doubt for id in counts if (doubt := checks[id].doubt)})


def _decode_all(work: Mapping[FileStat, Sequence[ClipLike]], results: StatCache, workers: int) -> dict[str, _Check]:
    """Decode one clip of each file and return the result for all clips of the file, saving regularly."""
    checks: dict[str, _Check] = {}
    saved = time.monotonic()
    pool = ThreadPoolExecutor(workers)  # PyAV lets other threads run while it decodes
    jobs = {pool.submit(_check, same[0].path): (stat, same) for stat, same in work.items()}
    with Bar("checking clips", sum(map(len, work.values())), "clips") as bar:
        try:
            for job in as_completed(jobs):
                stat, same = jobs[job]
                for sample in same:
                    checks[sample.id] = job.result()
                    results.put(sample.id, stat[:2], checks[sample.id])
                bar.advance(len(same))
                if time.monotonic() - saved > SAVE_SECONDS:
                    results.save()
                    saved = time.monotonic()
        finally:
            pool.shutdown(cancel_futures=True)
            results.save()
    return checks


def _check(path: Path) -> _Check:
    try:
        frames, doubt = examine(path)
        return _Check(frames, "", doubt)
    except UnreadableVideo as error:
        return _Check(0, error.reason)
    except OSError as error:
        return _Check(0, error.strerror or str(error))
