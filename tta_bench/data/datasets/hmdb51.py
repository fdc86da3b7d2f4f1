"""HMDB51 as it is distributed (Kuehne et al., "HMDB: A Large Video Database for Human Motion Recognition", 2011)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tta_bench.data.datasets.find_clips import (
    clips_by_class,
    names_in,
    nearby,
    no_folder,
    read_lines,
    same_name,
    what_is_in,
)
from tta_bench.data.datasets.layout import Layout, Sample, listed_split
from tta_bench.data.datasets.places import locate
from tta_bench.errors import UserError, shorten
from tta_bench.registry import DATASETS

LISTS = "testTrainMulti_7030_splits"
OTHER_LISTS = "annotations"
"""Folder of the lists as MMAction2 has them."""
VIDEOS = ("hmdb51_org", "videos")
"""Folders below the root that hold those of the classes, where these are not in the root itself."""
UNUSED, TRAIN, TEST = "0", "1", "2"
HMDB51_TREE = """Expected:
  {root}
  ├── brush_hair
  │   ├── April_09_brush_hair_u_nm_np1_ba_goo_0.avi
  │   └── ...
  └── testTrainMulti_7030_splits
      └── brush_hair_test_split1.txt, brush_hair_test_split2.txt, ..."""


@DATASETS.register_module()
class HMDB51(Layout):
    """HMDB51 in its official layout, or another dataset in that layout.

    Classes are those that have lists, in alphabetical order. A clip is looked for in its class's folder, then anywhere
    below the root by its name without suffix, as a video file or as a folder of frames. Its id is that name, its group
    the film's title: the name before the last ``_<class>_``. Clips of one title are in several classes. A split without
    list files is left out. Where lists and folders differ, a list names a clip again, or a clip is found at several
    places, the notes tell it: such a copy is used, and is not whole.

    Args:
        root: The folder that holds a folder for each class and ``testTrainMulti_7030_splits``.

    Raises:
        UserError: List files or all clips are missing (names every difference), or a line of a list is wrong.
    """

    def __init__(self, root: Path) -> None:
        lists = next((root / place for place in (LISTS, OTHER_LISTS) if (root / place).is_dir()), root / LISTS)
        base = next((root / place for place in VIDEOS if (root / place).is_dir()), root)
        matches = [match for name in names_in(lists) if (match := re.fullmatch(r"(.+)_test_split(\d)\.txt", name))]
        classes, numbers = sorted({match[1] for match in matches}), sorted({int(match[2]) for match in matches})
        files = {(name, number): lists / f"{name}_test_split{number}.txt" for name in classes for number in numbers}
        flags = {key: _read_flags(file) for key, file in files.items() if file.is_file()}
        listed = {f"{name}/{clip}": None for (name, _), lines in flags.items() for clip, _ in lines}
        used = {f"{name}/{clip}" for (name, _), lines in flags.items() for clip, flag in lines if flag != UNUSED}
        found = locate(root, base, used)
        paths = found.paths
        missing = [file.name for file in files.values() if not file.is_file()]
        lost = sorted(used - paths.keys())
        problems = _differences(base, classes, missing, listed, lost)
        if missing or not paths:
            raise _mismatch(root, problems)

        def side(number: int, wanted: str) -> tuple[Sample, ...]:
            return tuple(
                Sample(
                    Path(clip).stem, paths.get(entry := f"{name}/{clip}", base / entry), label, film_title(clip, name)
                )
                for label, name in enumerate(classes)
                for clip, flag in flags[name, number]
                if flag == wanted
            )

        gone = {base / entry for entry in lost}
        several = {paths[entry]: words for entry, words in found.others.items()}
        sides = {number: listed_split(side(number, TRAIN), side(number, TEST), gone, several) for number in numbers}
        super().__init__(classes, sides)
        again = [note for note in self.holes() if "again" in note]
        self.notes = (*problems, *again, *found.notes(len(used)))


def film_title(clip: str, name: str) -> str:
    """Return the title of the film that a clip of a class was cut from: its file name before the last ``_<class>_``.

    Raises:
        UserError: The file name does not contain the class.
    """
    title, separator, _ = clip.rpartition(f"_{name}_")
    if not separator:
        raise UserError(f"'{clip}' in the lists of {name} has no '_{name}_' after its title.")
    return title


def _read_flags(file: Path) -> list[tuple[str, str]]:
    """Return each line's clip and flag: 1 to train on, 2 to test on, 0 unused."""
    flags: list[tuple[str, str]] = []
    for number, line in enumerate(read_lines(file), start=1):
        match line.rsplit(maxsplit=1):
            case [clip, ("0" | "1" | "2") as flag]:
                flags.append((clip, flag))
            case _:
                raise UserError(f"{file}: line {number} must be a clip and 0, 1 or 2, but is '{line}'.")
    return flags


def _differences(
    root: Path, classes: list[str], missing: list[str], listed: Iterable[str], lost: list[str]
) -> list[str]:
    """Return the differences between lists and folders, a line for each kind."""
    folders = clips_by_class(root)
    stems = {same_name(Path(entry).stem) for entry in listed}
    strays = [clip.relative_to(root) for name in folders for clip in folders[name] if same_name(clip.stem) not in stems]
    strange = {clip.parts[0] for clip in strays} - set(classes)
    sides = {
        "list files are missing": missing,
        "classes have lists and no folder": [name for name in classes if lost and not folders.get(name)],
        "listed clips are in no folder": lost,
        "folders have clips and no lists": sorted(strange),
        "clips in the folders are in no list": [clip.as_posix() for clip in strays],
    }
    return [f"{len(names):,} {difference}: {shorten(names)}" for difference, names in sides.items() if names]


def _mismatch(root: Path, problems: list[str]) -> UserError:
    """Return the error that lists every problem of an HMDB51 folder."""
    tree = HMDB51_TREE.format(root=root)
    if not root.is_dir():
        return UserError(no_folder(root), tree)
    there = "; ".join(filter(None, (what_is_in(root), nearby(root, [LISTS]))))
    if not problems:
        return UserError(f"there are no lists <class>_test_split1.txt in {root / LISTS}: {there}.", tree)
    return UserError("\n  ".join([f"HMDB51's lists and folders do not match in {root}:", *problems, there]), tree)
