"""Copies of datasets: the manifest of one, and two compared clip by clip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tta_bench.cards.kinds import OfficialPart
from tta_bench.data.datasets.official import Pair, pairs_digest
from tta_bench.data.media.attested_files import AttestedClip, AttestedManifest
from tta_bench.data.media.fingerprint import same_pictures
from tta_bench.data.media.manifest import contents_digest

Likeness = Literal["same bytes", "same pictures", "other", "only in the first", "only in the second"]
"""Result of comparing one clip of two copies."""


def attested(
    dataset: str, splits: Mapping[int, Mapping[str, list[Pair]]], clips: Mapping[str, AttestedClip]
) -> AttestedManifest:
    """Return the manifest of a copy.

    Args:
        dataset: Name of the dataset's card.
        splits: The (id, label) pairs by split and part.
        clips: The clips by id.
    """
    return AttestedManifest(
        dataset=dataset,
        parts={
            split: {
                part: OfficialPart(clips=len(pairs), sha256=pairs_digest(pairs))
                for part, pairs in parts.items()
                if pairs
            }
            for split, parts in splits.items()
        },
        contents={split: contents_digest(_bytes_of_runs(parts, clips)) for split, parts in splits.items()},
        clips=dict(clips),
    )


def _bytes_of_runs(parts: Mapping[str, list[Pair]], clips: Mapping[str, AttestedClip]) -> dict[str, str]:
    """Return the digest of each clip that a run uses: of train and test, or of train and val where there is a val."""
    used = [pairs for part, pairs in parts.items() if part != "test" or "val" not in parts]
    return {id: clips[id].sha256 if id in clips else "" for pairs in used for id, _ in pairs}


def compare_copies(first: AttestedManifest, second: AttestedManifest) -> dict[str, Likeness]:
    """Return the likeness of each clip of two copies: same bytes, same pictures, other, or in one of them only."""
    found: dict[str, Likeness] = {}
    for id in sorted(first.clips.keys() | second.clips.keys()):
        one, other = first.clips.get(id), second.clips.get(id)
        if one is None or other is None:
            found[id] = "only in the second" if one is None else "only in the first"
        elif one.sha256 == other.sha256:
            found[id] = "same bytes"
        else:
            found[id] = "same pictures" if same_pictures(one.fingerprint, other.fingerprint) else "other"
    return found
