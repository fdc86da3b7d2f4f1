"""Manifests of small copies of UCF101 with chosen contents."""

from __future__ import annotations

from tta_bench.data.datasets.official import Pair
from tta_bench.data.media.attested import attested
from tta_bench.data.media.attested_files import AttestedClip, AttestedManifest

MARK = "0123456789abcdef" * 8
PAIRS: dict[str, list[Pair]] = {"train": [("a", "x"), ("b", "y")], "test": [("c", "x")]}


def clip(content: int, mark: str = MARK) -> AttestedClip:
    """Return a clip, the contents of which a number stands for."""
    return AttestedClip(sha256=f"{content:064x}", frames=9, width=8, height=6, fingerprint=mark)


def copy(*contents: int) -> AttestedManifest:
    """Return a copy of three clips by their contents."""
    return attested("ucf101", {1: PAIRS}, dict(zip("abc", map(clip, contents), strict=True)))
