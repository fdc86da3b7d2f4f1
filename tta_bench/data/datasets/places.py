"""Places of listed clips: at their listed path, else elsewhere below the root; one of several by a stated rule."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tta_bench.data.datasets.find_clips import find_by_stem, names_in, same_name
from tta_bench.errors import shorten
from tta_bench.utils.files import sha256_of

RULE = "taken is the one in a folder of the expected name, else the one nearest to the root, else the first by name"
"""Choice among the places of a clip."""


@dataclass(frozen=True)
class Places:
    """Paths of listed clips.

    Args:
        paths: Path of each clip that is found.
        same: Words on each clip that is found at several places with the same bytes.
        others: Words on each clip that is found at several places with different bytes.
    """

    paths: dict[str, Path]
    same: dict[str, str]
    others: dict[str, str]

    def notes(self, listed: int) -> tuple[str, ...]:
        """Return notes on clips that are found at several places, out of a number of listed ones; none without any."""
        kinds = {"the same bytes, which makes no difference": self.same, "different bytes": self.others}
        return tuple(
            f"{len(found):,} of {listed:,} listed clips are at several places with {said}: "
            f"{shorten(list(found.values()), 3)} ({RULE})"
            for said, found in kinds.items()
            if found
        )


def locate(root: Path, folder: Path, entries: Collection[str]) -> Places:
    """Return the places of listed clips: below the folder as listed, else anywhere below the root with the same stem.

    Clips that are not found are left out; of those found at several places one is taken (`RULE`). The search below the
    root ignores case, because copies of UCF101 differ in ``HandstandPushups`` and ``HandStandPushups``, and the way in
    which letters are coded, because copies made by a Mac have decomposed ones.
    """
    paths = {entry: folder / entry for entry in entries}
    names = {parent: set(names_in(parent)) for parent in {path.parent for path in paths.values()}}
    lost = {same_name(path.stem): entry for entry, path in paths.items() if path.name not in names[path.parent]}
    for entry in lost.values():
        del paths[entry]
    elsewhere = search(root, {stem: Path(entry).parent.parts[-1:] for stem, entry in lost.items()})
    paths |= {lost[stem]: path for stem, path in elsewhere.paths.items()}
    same, others = ({lost[stem]: words for stem, words in kind.items()} for kind in (elsewhere.same, elsewhere.others))
    return Places(paths, same, others)


def search(root: Path, expected: dict[str, Sequence[str]]) -> Places:
    """Return the places of clips anywhere below the root.

    Args:
        root: The folder.
        expected: Names of the folders in which a clip is expected, by its stem in the form of `same_name`.
    """
    places = Places({}, {}, {})
    for stem, candidates in find_by_stem(root, expected).items() if expected else ():
        wanted = {same_name(name) for name in expected[stem]}
        first, *rest = sorted(
            candidates, key=lambda path: (same_name(path.parent.name) not in wanted, len(path.parts), path)
        )
        places.paths[stem] = first
        if rest:
            shown, *more = (path.relative_to(root).as_posix() for path in (first, *rest))
            kind = places.same if len({content_digest(path) for path in (first, *rest)}) == 1 else places.others
            kind[stem] = f"{shown} (also {shorten(more, 3)})"
    return places


def content_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, or of the names and bytes of the files in a folder."""
    if path.is_dir():
        inside = "".join(f"{name}\0{content_digest(path / name)}\n" for name in names_in(path))
        return hashlib.sha256(inside.encode()).hexdigest()
    return sha256_of(path)
