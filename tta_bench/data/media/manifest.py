"""The look at every clip before anything is spent: how many frames it decodes to, or why it does not."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.media.decode import UnreadableVideo, count_frames, decoder_version
from tta_bench.utils.files import write_atomic
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.progress import Bar

SAVE_SECONDS = 30.0
"""What was found is written this often, so that a pass that is cut off goes on from there."""


@dataclass(frozen=True)
class Manifest:
    """What every clip decodes to, by its id.

    Args:
        frames: How many frames each readable clip has.
        broken: Why each other clip cannot be read, in the decoder's words.
    """

    frames: dict[str, int]
    broken: dict[str, str]

    def identity(self, samples: Iterable[Sample]) -> str:
        """Return a sha256 over ids, labels, groups and frame counts (0 if broken), whatever the order and the paths."""
        return digest(
            sorted([s.id, s.label, s.group, 0 if s.id in self.broken else self.frames[s.id]] for s in samples)
        )

    def corpus_identity(self, clips: Iterable[Clip]) -> str:
        """Return a sha256 over ids, hashtags and frame counts (0 if broken), whatever the order and the paths."""
        return digest(sorted([clip.id, clip.hashtag, self.frames.get(clip.id, 0)] for clip in clips))


def manifest_file(work_dir: Path, dataset: str, root: Path) -> Path:
    """Return where the findings about a dataset in a folder are kept."""
    return work_dir / "manifests" / f"{dataset}-{digest(str(root.resolve()))[:12]}.json"


class Listed(Protocol):
    """What can be looked at: a `Sample` or a `Clip`, for instance."""

    @property
    def id(self) -> str:
        """Its name, unlike all others."""

    @property
    def path(self) -> Path:
        """Its file or folder of frames."""


class _Finding(NamedTuple):
    """What a clip was when it was decoded (bytes, time of change in ns), how many frames it had, and what was wrong."""

    size: int
    mtime_ns: int
    frames: int
    reason: str


def probe(samples: Sequence[Listed], cache: Path, workers: int) -> Manifest:
    """Decode every clip to its end, ``workers`` at a time, and return what was found.

    Findings are kept in the JSON file ``cache``, now and then and when interrupted, so that the next call decodes only
    clips that are new or have another size or time. A file that is there under several names is decoded once.
    """
    found = _load(cache)
    broken: dict[str, str] = {}
    work: dict[tuple[int, ...], list[Listed]] = defaultdict(list)
    for sample in {sample.id: sample for sample in samples}.values():
        try:
            stamp = _stamp(sample.path)
        except OSError as error:
            broken[sample.id] = error.strerror or str(error)
            continue
        if sample.id not in found or found[sample.id][:2] != stamp[:2]:
            work[stamp].append(sample)
    if work:
        _decode_all(work, found, cache, workers)
    for sample in samples:
        if sample.id not in broken and found[sample.id].reason:
            broken[sample.id] = found[sample.id].reason
    return Manifest({s.id: found[s.id].frames for s in samples if s.id not in broken}, broken)


def _decode_all(
    work: Mapping[tuple[int, ...], Sequence[Listed]], found: dict[str, _Finding], cache: Path, workers: int
) -> None:
    """Decode one clip of each entry and add what is found for all of the entry's clips, saving now and then."""
    saved = time.monotonic()
    pool = ThreadPoolExecutor(workers)  # PyAV lets other threads run while it decodes
    looks = {pool.submit(_look, same[0].path): (stamp, same) for stamp, same in work.items()}
    with Bar("checking clips", sum(map(len, work.values())), "clips") as bar:
        try:
            for look in as_completed(looks):
                (size, mtime_ns, *_), same = looks[look]
                finding = _Finding(size, mtime_ns, *look.result())
                found.update((sample.id, finding) for sample in same)
                bar.advance(len(same))
                if time.monotonic() - saved > SAVE_SECONDS:
                    _save(cache, found)
                    saved = time.monotonic()
        finally:
            pool.shutdown(cancel_futures=True)
            _save(cache, found)


def _look(path: Path) -> tuple[int, str]:
    """Return how many frames a clip decodes to, or 0 and why it does not."""
    try:
        return count_frames(path), ""
    except UnreadableVideo as error:
        return 0, error.reason
    except OSError as error:
        return 0, error.strerror or str(error)


def _stamp(path: Path) -> tuple[int, int, int, int]:
    """Return a clip's bytes, time of change in ns, device and inode; of a folder's files, the sum and the latest."""
    own = path.stat()
    inside = [file.stat() for file in path.iterdir()] if path.is_dir() else [own]
    size, mtime_ns = sum(file.st_size for file in inside), max((file.st_mtime_ns for file in inside), default=0)
    return size, mtime_ns, own.st_dev, own.st_ino


def _load(cache: Path) -> dict[str, _Finding]:
    """Return what an earlier call kept; nothing if there is no such file, or another decoder wrote it."""
    try:
        kept = json.loads(cache.read_text(encoding="utf-8"))
        if kept["decoder"] != decoder_version():
            return {}
        return {name: _Finding(*finding) for name, finding in kept["clips"].items()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return {}  # whatever is wrong with it, decoding again puts it right


def _save(cache: Path, found: Mapping[str, _Finding]) -> None:
    """Write the findings."""
    text = json.dumps({"decoder": decoder_version(), "clips": found})
    write_atomic(cache, text.encode())
