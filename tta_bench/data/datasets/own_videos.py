"""Layouts for users' own videos: a folder for each class, and a CSV file."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tta_bench.data.datasets.class_lists import FORM, SIDES, Listed, read_lists, refuse_lost, same_labels
from tta_bench.data.datasets.find_clips import clips_by_class, find_file, names_in, unknown_suffixes, what_is_in
from tta_bench.data.datasets.layout import Layout, Sample, Split
from tta_bench.errors import UserError, shorten
from tta_bench.registry import DATASETS
from tta_bench.utils.files import is_there

FOLDER_TREE = """Expected:
  {root}
  ├── train
  │   ├── <class>
  │   │   ├── <clip>.mp4
  │   │   └── ...
  └── test (or val; the same classes with other clips)"""

NO_GROUPS = "no clips are known to be of one source: in intervals, each counts as independent of the others"
"""Note on data without groups."""


@DATASETS.register_module()
class FolderDataset(Layout):
    """Users' own videos as ``train/<class>/<clip>`` and ``test/<class>/<clip>``.

    Where there is no ``test``, ``val`` is tested on; other words for the sides, in any case, are known too. A clip is a
    video file or a folder of frames; its id is its path below the root. Its group is its name without suffix, unless
    that is found in several classes or is a number: then names are no sources, and the clip is a group of its own.

    Args:
        root: The folder that holds ``train`` and ``test``.

    Raises:
        UserError: Naming the folders and classes that are missing or have no clips, and what is there.
    """

    def __init__(self, root: Path) -> None:
        folders, notes = _side_folders(root)
        clips = {side: clips_by_class(folders[side]) for side in ("train", "test")}
        classes = sorted(clips["train"] | clips["test"])
        empty = [f"{folders[side].name}/{name}" for side in clips for name in classes if not clips[side].get(name)]
        if empty or not classes:
            absent = [folders[side].name for side in clips if not folders[side].is_dir()]
            raise _no_clips(root, absent or empty or [folder.name for folder in folders.values()])
        owners: dict[str, set[str]] = defaultdict(set)
        for side in clips.values():
            for name, paths in side.items():
                for path in paths:
                    owners[path.stem].add(name)

        def sample(path: Path, label: int) -> Sample:
            id = path.relative_to(root).as_posix()
            source = len(owners[path.stem]) == 1 and not path.stem.isdecimal()
            return Sample(id, path, label, path.stem if source else id)

        train, test = (
            tuple(sample(path, label) for label, name in enumerate(classes) for path in clips[side][name])
            for side in clips
        )
        super().__init__(classes, {1: Split(train, test)})
        self.notes = (*notes, *_grouping((*train, *test)))


@DATASETS.register_module()
class CsvDataset(Layout):
    """Users' own videos as lines of a CSV file with the columns path, label, split and perhaps group.

    The split is train or test; where no line is of test, those of val are tested on. A folder with ``train.csv`` and
    ``test.csv`` (or ``val.csv``) will do as well. Paths are relative to the file's folder and serve as ids. Labels are
    class names, or numbers, which are put in order. A clip without a group is a group of its own. Listed clips without
    a file are left out, and told by the notes; such a run is not standard.

    Args:
        root: The CSV file, or the folder of lists.

    Raises:
        UserError: Naming the lines that are wrong; or no clip is there, or none of a side.
    """

    def __init__(self, root: Path) -> None:
        lists = read_lists(root)
        rows = [(file, row) for file, listed in lists.items() for row in listed]
        tested = "test" if any(row.split == "test" for _, row in rows) else "val"
        classes = same_labels([row.label for _, row in rows], root)
        labels = {name: label for label, name in enumerate(classes)}
        base = root if root.is_dir() else root.parent
        sides: dict[str, list[Sample]] = {"train": [], "val": [], "test": []}
        lost: dict[str, list[Sample]] = {"train": [], "val": [], "test": []}
        for _, row in rows:
            sample = _sample(base, row, labels)
            (sides if is_there(sample.path) else lost)[row.split].append(sample)
        used = (*sides["train"], *sides[tested])
        if not used:
            gone = [row.path for _, row in rows if row.split in ("train", tested)]
            refuse_lost(root, gone, len(gone))
        if untrained := set(classes) - {row.label for _, row in rows if row.split == "train"}:
            raise UserError(f"{root} has no clips to train on for {shorten(sorted(untrained))}.", FORM)
        gone_of = {"train": tuple(lost["train"]), "test": tuple(lost[tested])}
        split = Split(tuple(sides["train"]), tuple(sides[tested]), {side: few for side, few in gone_of.items() if few})
        super().__init__(classes, {1: split})
        notes = [_instead(tested)] if tested == "val" else []
        if tested == "test" and sides["val"]:
            notes.append(f"{len(sides['val']):,} clips of val are neither trained nor tested on: there is a test side")
        self.notes = (*notes, *self.holes(), *_grouping(used))


def _sample(base: Path, row: Listed, labels: Mapping[str, int]) -> Sample:
    path = find_file(base, row.path)
    name = Path(os.path.relpath(path, base)).as_posix()
    return Sample(name, path, labels[row.label], row.group or name)


def _side_folders(root: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the folders of train and test, whatever their names are, and notes; raises UserError for doubles."""
    found: dict[str, list[Path]] = defaultdict(list)
    for name in names_in(root):
        if (root / name).is_dir() and name.casefold() in SIDES:
            found[SIDES[name.casefold()]].append(root / name)
    if twice := [paths for paths in found.values() if len(paths) > 1]:
        named = " and ".join(path.name for path in twice[0])
        raise UserError(f"{root} has two folders for one side of the split: {named}.", "Keep one of them.")
    only = {side: paths[0] for side, paths in found.items()}
    tested = "val" if "val" in only and "test" not in only else "test"
    notes = [_instead(tested)] if tested == "val" else []
    if tested == "test" and "val" in only:
        notes.append(f"the clips in {only['val'].name} are neither trained nor tested on: there is a test side")
    return {"train": only.get("train", root / "train"), "test": only.get(tested, root / "test")}, notes


def _instead(tested: str) -> str:
    return f"there is no test side, so {tested} is tested on"


def _no_clips(root: Path, folders: Sequence[str]) -> UserError:
    """Return the error for sides or classes without clips, which tells what is there instead."""
    tree = FOLDER_TREE.format(root=root)
    there = [what_is_in(place) for name in folders[:2] if (place := root / name).is_dir()] or [what_is_in(root)]
    strange = unknown_suffixes(root / name for name in folders)
    left = [f"{count:,} of {suffix or 'no suffix'}" for suffix, count in strange.items()]
    said = f"; files of unknown suffixes: {', '.join(left)}" if left else ""
    sides = [name for name in names_in(root.parent) if root.name.casefold() in SIDES and name.casefold() in SIDES]
    above = f"\nThe folder above, {root.parent}, holds {shorten(sides)}: name that one." if len(sides) > 1 else ""
    return UserError(f"there are no clips in {shorten(folders)} below {root}: {'; '.join(there)}{said}.", tree + above)


def _grouping(samples: Iterable[Sample]) -> tuple[str, ...]:
    """Return the note on samples of which no two have one group; nothing for others."""
    groups = [sample.group for sample in samples]
    return (NO_GROUPS,) if len(set(groups)) == len(groups) else ()
