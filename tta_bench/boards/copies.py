"""Copies of the data that a board's rows rest on, in words, beside the copy that most attested manifests share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tta_bench.boards.rows import Entry
from tta_bench.boards.standing import copy_of
from tta_bench.errors import shorten


def copies_in_words(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield sentences on the copies that some rows rest on; none where the bytes of their data are not known.

    Args:
        entries: The runs of the rows.
    """
    known = [entry for entry in entries if copy_of(entry.record) is not None]
    copies: dict[str, set[str | None]] = defaultdict(set)
    for entry in known:
        copies[entry.record.identity.split].add(copy_of(entry.record))
    most = max(map(len, copies.values()), default=0)
    if most > 1:
        yield (
            f"These rows rest on {most} different copies of the data: the names and labels of the clips are the same, "
            "their bytes are not."
        )
    unseen = sorted(
        {one.record.identity.backbone for one in known if one.record.identity.dataset.official and not one.attested}
    )
    if unseen:
        yield (
            "Contents not seen before, so that names and labels are known to be official, and pictures are not: no "
            f"attested manifest has the bytes of the data of {shorten(unseen)}."
        )
    attested = [entry for entry in known if entry.shared is not None]
    if attested:
        yield " ".join(["The board's copy of the data:", *_shared_in_words(attested)])


def _shared_in_words(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield the copy of each split, its support, and the rows that rest on another."""
    for split in sorted({entry.record.identity.split for entry in entries}):
        runs = [entry for entry in entries if entry.record.identity.split == split]
        shared = runs[0].shared
        assert shared is not None
        others = sorted({entry.record.identity.backbone for entry in runs if not entry.is_shared})
        on = f"on another copy: {shorten(others)}" if others else "every row is on it"
        yield (
            f"split {split}, contents {shared.contents_sha256[:12]}, which {shared.manifests} of {shared.of} attested "
            f"manifests share; {on}."
        )
