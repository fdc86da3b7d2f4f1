"""Search for clips on disk, as video files or folders of frames: at listed paths, or anywhere below a folder."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from tta_bench.data.media.decode import VIDEO_SUFFIXES
from tta_bench.data.media.frame_folders import IMAGE_SUFFIXES
from tta_bench.errors import shorten
from tta_bench.utils.text_files import read_text

_NAMES = """
    #recycle #snapshot $recycle.bin @eadir @recently-snapshot @recycle @tmp @__thumb __macosx __pycache__ desktop.ini
    found.000 lost+found recycler thumbs.db
"""
JUNK = frozenset((*_NAMES.split(), "system volume information", "icon\r"))
"""Names, in lower case, that systems and network drives put beside users' files."""

_OTHERS = """
    aac ass bin csv flac gz html json jsonl log m4a md mp3 npy npz ogg opus part pdf pkl py rar sh srt thm tsv txt vtt
    wav xlsx xml yaml yml ytdl zip
"""
BESIDE = frozenset(f".{name}" for name in _OTHERS.split())
"""Suffixes of files that lie beside videos and are none."""


PREVIEW = re.compile(r"[-_. ]?(preview|thumb|thumbnail|thumbs|cover|storyboard)$", re.IGNORECASE)
"""Ends of the names of previews."""


def read_lines(file: Path) -> list[str]:
    """Return a text file's lines that are not blank, with any line ends; raises UserError where it is no text."""
    return [line for line in read_text(file).splitlines() if line.strip()]


def same_name(name: str) -> str:
    """Return a name so that all spellings of it are equal: case, composed and decomposed letters, and wide forms."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def find_by_stem(root: Path, stems: Collection[str]) -> dict[str, list[Path]]:
    """Return the clips at any depth below the root with one of these stems, in the form of `same_name`, by stem."""
    clips: dict[str, list[Path]] = defaultdict(list)
    pending, seen = [root], set[Path]()
    while pending:
        folder = pending.pop()
        if folder.resolve() in seen:  # links may form a circle
            continue
        seen.add(folder.resolve())
        for name in names_in(folder):
            path = folder / name
            stem = same_name(name if path.is_dir() else path.stem)
            if stem in stems and is_clip(path):
                clips[stem].append(path)
            elif path.is_dir():
                pending.append(path)
    return clips


def find_file(base: Path, name: str) -> Path:
    """Return the path of a listed file: as it is written, else with other slashes or other forms of its letters.

    Args:
        base: Folder that the path is relative to.
        name: The path; that of a file that is not there is returned as it is written.
    """
    written = base / name
    if os.path.lexists(written):
        return written
    place = base
    for part in Path(name.replace("\\", "/")).parts:
        if part not in ("..", ".", "/") and not os.path.lexists(place / part):
            alike = [other for other in names_in(place) if _composed(other) == _composed(part)]
            if len(alike) != 1:
                return written
            part = alike[0]
        place = place / part
    return place


def clips_by_class(folder: Path) -> dict[str, list[Path]]:
    """Return the clips of each folder directly below this one, by its name."""
    classes = [folder / name for name in names_in(folder) if (folder / name).is_dir()]
    return {
        path.name: without_previews([path / name for name in names_in(path) if is_clip(path / name)])
        for path in classes
    }


def without_previews(paths: Iterable[Path]) -> list[Path]:
    """Return the clips without the GIF previews that lie beside videos: ``a.gif`` and ``a_preview.gif`` of ``a.mp4``.

    Args:
        paths: Clips of one folder. A GIF that is named like no other video is a clip of its own.
    """
    clips = list(paths)
    videos = {path.stem for path in clips if path.suffix.lower() != ".gif"}
    return [path for path in clips if path.suffix.lower() != ".gif" or not _names_of_preview(path.stem) & videos]


def _names_of_preview(stem: str) -> set[str]:
    """Return the names of the videos that a picture of this name could be a preview of."""
    return {stem, Path(stem).stem, PREVIEW.sub("", stem)}


def is_clip(path: Path) -> bool:
    """Return True for a video file, by its suffix, and for a folder of frames."""
    return is_frame_folder(path) if path.is_dir() else path.suffix.lower() in VIDEO_SUFFIXES


def is_frame_folder(folder: Path) -> bool:
    """Return True for a folder with images in it and without videos at any depth, whose thumbnails they would be."""
    if not any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names_in(folder)):
        return False
    inside = (name for _, _, names in os.walk(folder) for name in names)
    return not any(Path(name).suffix.lower() in VIDEO_SUFFIXES and name[0] != "." for name in inside)


def names_in(folder: Path) -> list[str]:
    """Return the sorted names in a folder, without hidden files and what systems put there; none if it is no folder."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.name[0] != "." and path.name.casefold() not in JUNK)


def no_folder(path: Path) -> str:
    """Return the sentence about a path that should be a folder: it is not there, or it is a file."""
    return f"{path} is no folder: it is a file." if path.exists() else f"the folder {path} does not exist."


def what_is_in(folder: Path, most: int = 5) -> str:
    """Return the first names in a folder in words, for errors about a layout that is not there."""
    if not folder.exists():
        return f"{folder} does not exist"
    if not folder.is_dir():
        return f"{folder} is a file"
    names = [name + "/" * (folder / name).is_dir() for name in names_in(folder)]
    return f"{folder} holds {shorten(names, most)}" if names else f"{folder} is empty"


def nearby(root: Path, names: Sequence[str]) -> str:
    """Return words on the folder above, or one directly below, that holds one of these names; empty for neither."""
    for name in names:
        if (root.absolute().parent / name).exists():
            return f"the folder above, {root.parent}, holds {name}: name that one"
        for inside in names_in(root):
            if (root / inside / name).exists():
                return f"the folder {root / inside} holds {name}: name that one"
    return ""


def unknown_suffixes(folders: Iterable[Path]) -> dict[str, int]:
    """Return the number of files directly in some folders that are neither clips nor known to lie beside them."""
    known = VIDEO_SUFFIXES | IMAGE_SUFFIXES | BESIDE
    suffixes = (
        Path(name).suffix.lower()
        for folder in folders
        for name in names_in(folder)
        if Path(name).suffix.lower() not in known and (folder / name).is_file()
    )
    return dict(sorted(Counter(suffixes).items()))


def _composed(name: str) -> str:
    """Return a name with composed letters, in its own case."""
    return unicodedata.normalize("NFKC", name)
