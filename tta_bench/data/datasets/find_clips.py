"""Search for clips on disk, as video files or folders of frames: at listed paths, or anywhere below a folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from tta_bench.data.media.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from tta_bench.errors import UserError


def read_lines(file: Path) -> list[str]:
    """Return a text file's lines that are not blank, with any line ends."""
    return [line for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines() if line.strip()]


def locate(root: Path, folder: Path, entries: Collection[str]) -> dict[str, Path]:
    """Return the paths of listed clips: below the folder as listed, else anywhere below the root with the same stem.

    Clips that are not found are left out; a stem found more than once raises UserError. The search below the root
    ignores case, because copies of UCF101 differ in ``HandstandPushups`` and ``HandStandPushups``.
    """
    paths = {entry: folder / entry for entry in entries}
    names = {parent: set(names_in(parent)) for parent in {path.parent for path in paths.values()}}
    lost = {path.stem.casefold(): entry for entry, path in paths.items() if path.name not in names[path.parent]}
    for entry in lost.values():
        del paths[entry]
    for stem, candidates in find_by_stem(root, lost).items() if lost else ():
        if len(candidates) > 1:
            several = " and ".join(str(path.relative_to(root)) for path in candidates)
            raise UserError(
                f"{lost[stem]} is not there, and below {root} its name is found more than once: {several}.",
                f"Put the right one into {folder}, at the path in the list.",
            )
        paths[lost[stem]] = candidates[0]
    return paths


def find_by_stem(root: Path, stems: Collection[str]) -> dict[str, list[Path]]:
    """Return the clips at any depth below the root with one of these lower-case stems, by stem."""
    clips: dict[str, list[Path]] = defaultdict(list)
    pending, seen = [root], set[Path]()
    while pending:
        folder = pending.pop()
        if folder.resolve() in seen:  # links may form a circle
            continue
        seen.add(folder.resolve())
        for name in names_in(folder):
            path = folder / name
            stem = (name if path.is_dir() else path.stem).casefold()
            if stem in stems and is_clip(path):
                clips[stem].append(path)
            elif path.is_dir():
                pending.append(path)
    return clips


def clips_by_class(folder: Path) -> dict[str, list[Path]]:
    """Return the clips of each folder directly below this one, by its name."""
    classes = [folder / name for name in names_in(folder) if (folder / name).is_dir()]
    return {path.name: [path / name for name in names_in(path) if is_clip(path / name)] for path in classes}


def is_clip(path: Path) -> bool:
    """Return True for a video file, by its suffix, and for a folder with images in it."""
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return True
    return any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names_in(path))


def names_in(folder: Path) -> list[str]:
    """Return the sorted names in a folder, without hidden files; none if it is no folder."""
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []
