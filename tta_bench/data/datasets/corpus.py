"""Corpora: videos without classes or splits to pre-train on, and their nested subsets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from tta_bench.errors import UserError, shorten
from tta_bench.utils.keyed_random import key_bits


@dataclass(frozen=True, slots=True)
class Clip:
    """One video of a corpus: its id, its file or folder of frames, and its hashtag, if any."""

    id: str
    path: Path
    hashtag: str | None = None


class Corpus:
    """Videos to pre-train on, found on disk.

    Args:
        listing: Every video as it was found; ids may repeat.
    """

    def __init__(self, listing: Iterable[Clip]) -> None:
        self.listing = tuple(listing)

    def clips(self) -> list[Clip]:
        """Return every video once, the first of those with one id."""
        first: dict[str, Clip] = {}
        for clip in self.listing:
            first.setdefault(clip.id, clip)
        return list(first.values())

    @property
    def notes(self) -> tuple[str, ...]:
        """Words on ids that occur more than once, for the user."""
        twice = sorted(id for id, times in Counter(clip.id for clip in self.listing).items() if times > 1)
        if not twice:
            return ()
        said = f"{len(twice):,} ids occur more than once, and are taken once: {shorten(twice)}"
        return (f"{said} (`tta-bench data verify` lists their files)",)

    def videos(self) -> list[Clip]:
        """Return every video; an id that was seen before is prefixed by its hashtag."""
        seen: set[str] = set()
        videos = []
        for clip in self.listing:
            videos.append(replace(clip, id=f"{clip.hashtag}/{clip.id}") if clip.id in seen else clip)
            seen.add(clip.id)
        return videos

    def split(self, number: int) -> NoReturn:
        """Raise UserError: a corpus has no classes to train and test on."""
        raise UserError(
            f"{type(self).__name__} has videos to pre-train on, and neither classes nor a split {number}.",
            "Use it with protocol=tta_pretrain, then fine-tune on another dataset.",
        )


def nested_subset(clips: Sequence[Clip], count: int) -> list[Clip]:
    """Return a subset of a corpus, in the order of the listing: a larger subset contains every smaller one.

    Clips are ranked within their hashtag by a hash of their id, and every hashtag gives the same share of its clips, to
    the nearest whole clip or the next. Neither the order of the listing nor the machine changes which are taken.

    Args:
        clips: The whole corpus; ids are unique.
        count: Clips of the subset.

    Raises:
        UserError: The corpus has fewer, or ``count`` is 0.
    """
    if not 0 < count <= len(clips):
        wrong = f"{count - len(clips):,} too many" if count > 0 else "at least 1 is needed"
        raise UserError(
            f"a part of {count:,} clips was asked for, and the corpus has {len(clips):,}: {wrong}.",
            f"Ask for 1 to {len(clips):,} clips.",
        )
    taken = set(sorted(share := _shares(clips), key=share.__getitem__)[:count])
    return [clip for clip in clips if clip.id in taken]


def _shares(clips: Sequence[Clip]) -> dict[str, tuple[float, int]]:
    """Return, by id, the share of its hashtag at which a clip is taken, and its hash, which settles ties.

    The k-th of n clips of a hashtag is taken at the share (k + u) / n; u between 0 and 1 is the hashtag's own, so that
    hashtags of few clips are not all taken at once.
    """
    hashtags: dict[str, list[str]] = defaultdict(list)
    for clip in clips:
        hashtags[clip.hashtag or ""].append(clip.id)
    return {
        name: ((rank + key_bits("hashtag", hashtag) / 2**128) / len(names), key_bits("clip", name))
        for hashtag, names in hashtags.items()
        for rank, name in enumerate(sorted(names, key=lambda name: key_bits("clip", name)))
    }
