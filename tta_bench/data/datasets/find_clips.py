"""Finding clips on disk: where a list says, or anywhere below a folder, as a video file or as a folder of frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from tta_bench.data.media.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from tta_bench.errors import UserError


def read_lines(file: Path) -> list[str]:
    """Return a text file's lines that are not blank, whatever ends them."""
    return [line for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines() if line.strip()]


def locate(root: Path, folder: Path, entries: Collection[str]) -> dict[str, Path]:
    """Return where the listed clips are: below the folder as listed, else anywhere below the root under the same stem.

    Clips that are nowhere are left out; a stem found more than once raises UserError. The second look takes upper and
    lower case as one, because copies of UCF101 differ in ``HandstandPushups`` and ``HandStandPushups``.
    """
    paths = {entry: folder / entry for entry in entries}
    names = {parent: set(names_in(parent)) for parent in {path.parent for path in paths.values()}}
    lost = {path.stem.casefold(): entry for entry, path in paths.items() if path.name not in names[path.parent]}
    for entry in lost.values():
        del paths[entry]
    for stem, places in find_by_stem(root, lost).items() if lost else ():
        if len(places) > 1:
            several = " and ".join(str(place.relative_to(root)) for place in places)
            raise UserError(
                f"{lost[stem]} is not there, and below {root} its name is found more than once: {several}.",
                f"Put the right one into {folder}, as the list says.",
            )
        paths[lost[stem]] = places[0]
    return paths


def find_by_stem(root: Path, stems: Collection[str]) -> dict[str, list[Path]]:
    """Return the clips at any depth below the root that have one of these stems, which are in lower case."""
    found: dict[str, list[Path]] = defaultdict(list)
    pending, seen = [root], set[Path]()
    while pending:
        folder = pending.pop()
        if folder.resolve() in seen:  # links may lead round in circles
            continue
        seen.add(folder.resolve())
        for name in names_in(folder):
            path = folder / name
            stem = (name if path.is_dir() else path.stem).casefold()
            if stem in stems and is_clip(path):
                found[stem].append(path)
            elif path.is_dir():
                pending.append(path)
    return found


def clips_by_class(folder: Path) -> dict[str, list[Path]]:
    """Return the clips in each folder below this one."""
    classes = [folder / name for name in names_in(folder) if (folder / name).is_dir()]
    return {path.name: [path / name for name in names_in(path) if is_clip(path / name)] for path in classes}


def is_clip(path: Path) -> bool:
    """Return whether this is a video file, by its suffix, or a folder with images in it."""
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return True
    return any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names_in(path))


def names_in(folder: Path) -> list[str]:
    """Return the sorted names of what a folder holds, hidden files aside; nothing if it is no folder."""
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []
