"""Layouts of videos to pre-train on: TikTokActions, and any folder or list of videos.

TikTokActions (Qian et al., arXiv 2402.08875) has no public listing, so its layout is this suite's own. Reading a
layout opens no video.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tta_bench.data.datasets.class_lists import refuse_lost
from tta_bench.data.datasets.corpus import Clip, Corpus
from tta_bench.data.datasets.find_clips import (
    clips_by_class,
    find_file,
    is_frame_folder,
    names_in,
    read_lines,
    what_is_in,
    without_previews,
)
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import VIDEO_SUFFIXES
from tta_bench.data.media.frame_folders import frame_files
from tta_bench.errors import UserError
from tta_bench.registry import DATASETS
from tta_bench.utils.files import is_there
from tta_bench.utils.tables import read_rows

MANIFEST = "manifest.csv"
COLUMNS = ("path", "hashtag", "id")

TIKTOK_TREE = """Expected:
  {root}
  ├── <hashtag>
  │   ├── <id>.mp4
  │   └── ...
  └── ...
or a CSV file with a first line path,hashtag,id and a line for each clip, as {root} or as {root}/manifest.csv."""

LIST_FORM = "Expected: a folder with videos at any depth, or a text file with a line 'path 0 -1' for each video."


@DATASETS.register_module()
class TikTokActions(Corpus):
    """TikTokActions: clips under hashtags.

    In folders, a clip's id is its name without suffix. A manifest has path (relative to its own folder), hashtag and id
    of each clip; one called ``manifest.csv`` in the root is preferred to the folders.

    Args:
        root: The folder that holds a folder for each hashtag, or the manifest.

    Raises:
        UserError: There are no clips, or lines of the manifest lack a column; says which.
    """

    def __init__(self, root: Path) -> None:
        manifest = root / MANIFEST if (root / MANIFEST).is_file() else root
        super().__init__(_read_manifest(manifest) if manifest.is_file() else _read_hashtags(root))
        if not self.listing:
            raise UserError(f"there are no clips in {root}: {what_is_in(root)}.", TIKTOK_TREE.format(root=root))


@DATASETS.register_module()
class VideoList(Corpus):
    """Any videos, below a folder or in a list as the official VideoMAE repositories read them.

    A line of a list is ``path 0 -1`` for a video, or ``path start count`` for a folder of frames, which is taken whole
    and must have that many images. Paths are relative to the list's folder and may contain spaces. A clip's id is its
    path as listed, or below the folder.

    Args:
        root: The folder or the list.

    Raises:
        UserError: There are no videos, or lines of the list are wrong; says which.
    """

    def __init__(self, root: Path) -> None:
        if not root.exists():
            raise UserError(f"{root} does not exist.", LIST_FORM)
        paths = _read_list(root) if root.is_file() else {path.relative_to(root).as_posix(): path for path in walk(root)}
        if not paths:
            raise UserError(f"there are no videos in {root}: {what_is_in(root)}.", LIST_FORM)
        super().__init__(Clip(name, path) for name, path in paths.items())


def walk(folder: Path) -> Iterator[Path]:
    """Yield the videos and folders of frames at any depth below a folder, sorted within each folder."""
    pending, seen = [folder], set[Path]()
    while pending:
        current = pending.pop()
        if current.resolve() in seen:  # links may form a circle
            continue
        seen.add(current.resolve())
        inside = [current / name for name in names_in(current)]
        if current != folder and is_frame_folder(current):
            yield current
        videos = (path for path in inside if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
        yield from without_previews(videos)
        pending += [path for path in reversed(inside) if path.is_dir()]


def _read_hashtags(root: Path) -> Iterator[Clip]:
    for hashtag, paths in clips_by_class(root).items():
        for path in paths:
            yield Clip(path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name, path, hashtag)


def _read_manifest(file: Path) -> Iterator[Clip]:
    """Yield the clips of a CSV file that has the columns path, hashtag and id, each filled in."""
    rows = read_rows(file, COLUMNS, (), TIKTOK_TREE.format(root=file.parent)).values()
    clips = [Clip(row["id"], find_file(file.parent, row["path"]), row["hashtag"]) for row in rows]
    lost = [row["path"] for row, clip in zip(rows, clips, strict=True) if not is_there(clip.path)]
    refuse_lost(file, lost if len(lost) == len(clips) else [], len(clips))
    yield from clips


def _read_list(file: Path) -> dict[str, Path]:
    """Return the path of each line ``path start count`` by the path as it is written."""
    paths: dict[str, Path] = {}
    for number, line in enumerate(read_lines(file), start=1):
        name, *extent = line.strip().rsplit(maxsplit=2)
        path = find_file(file.parent, name)
        if len(extent) != 2 or not all(part.lstrip("-").isdecimal() for part in extent):
            raise UserError(f"{file}: line {number} is '{line}'.", LIST_FORM)
        if name in paths:
            raise UserError(f"{file}: line {number} names '{name}' again.", "Remove one of the two lines.")
        if int(extent[1]) >= 0 and (found := _images(path)) != int(extent[1]):
            raise UserError(
                f"{file}: line {number} wants {extent[1]} frames of {path}, which is "
                + (f"a folder of {found:,} images." if is_there(path) and path.is_dir() else "no folder of frames."),
                "Videos and folders of frames are used whole: write `path 0 -1`.",
            )
        paths[name] = path
    lost = [name for name, path in paths.items() if not is_there(path)]
    refuse_lost(file, lost if len(lost) == len(paths) else [], len(paths))
    return paths


def _images(folder: Path) -> int:
    """Return the number of frames in a folder of frames, 0 for anything else."""
    try:
        return len(frame_files(folder)) if is_there(folder) and folder.is_dir() else 0
    except UnreadableVideo:
        return 0
