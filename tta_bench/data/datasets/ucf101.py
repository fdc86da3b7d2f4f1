"""UCF101 as it is distributed (Soomro et al. 2012, https://www.crcv.ucf.edu/data/UCF101.php)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tta_bench.data.datasets.find_clips import nearby, no_folder, read_lines, what_is_in
from tta_bench.data.datasets.layout import Layout, Sample, listed_split
from tta_bench.data.datasets.places import locate
from tta_bench.errors import UserError, did_you_mean, shorten
from tta_bench.registry import DATASETS

UCF101_TREE = """Expected:
  {root}
  ├── UCF-101
  │   ├── ApplyEyeMakeup
  │   │   ├── v_ApplyEyeMakeup_g01_c01.avi
  │   │   └── ...
  └── ucfTrainTestlist
      ├── classInd.txt
      └── testlist01.txt, trainlist01.txt, ..."""


LISTS = ("ucfTrainTestlist", "annotations", "UCF101TrainTestSplits-RecognitionTask/ucfTrainTestlist")
"""Folders of the lists below the root: as distributed, as MMAction2 has them, and as the archive unpacks."""

VIDEOS = ("UCF-101", "videos")
"""Folders of the clips below the root: as distributed, and as MMAction2 has them."""


@DATASETS.register_module()
class UCF101(Layout):
    """UCF101 in its official layout, or another dataset in that layout.

    A clip is looked for at its listed path, then anywhere below the root by its name without suffix, as a video file or
    as a folder of frames. Its id is that name, its group ``<Class>_gNN``. A split without list files is left out. The
    notes tell listed clips without a file, clips that are named again, and clips that are found at several places, of
    which one is taken (`tta_bench.data.datasets.places.RULE`): such a copy is used, and is not whole.

    Args:
        root: The folder that holds ``UCF-101`` and ``ucfTrainTestlist``.

    Raises:
        UserError: List files or all clips are missing (names them), or a line of a list is wrong.
    """

    def __init__(self, root: Path) -> None:
        lists = next((root / place for place in LISTS if (root / place / "classInd.txt").is_file()), root / LISTS[0])
        videos = next((root / place for place in VIDEOS if (root / place).is_dir()), root / VIDEOS[0])
        sides = {number: (lists / f"trainlist0{number}.txt", lists / f"testlist0{number}.txt") for number in (1, 2, 3)}
        numbers = [number for number in sides if any(file.is_file() for file in sides[number])] or [1]
        needed = [lists / "classInd.txt", *(file for number in numbers for file in sides[number])]
        missing = [str(file.relative_to(root)) for file in needed if not file.is_file()]
        lines = {file: read_lines(file) for file in needed[1:] if file.is_file()}
        entries = {line.split()[0]: None for file in lines for line in lines[file]}
        found = locate(root, videos, entries)
        paths = found.paths
        lost = [entry for entry in entries if entry not in paths]
        if missing or len(lost) == len(entries):
            raise _incomplete(root, videos, missing, lost, len(entries))
        classes = _read_ucf101_classes(needed[0])
        gone = {videos / entry for entry in lost}
        places = {**paths, **{entry: videos / entry for entry in lost}}
        several = {paths[entry]: words for entry, words in found.others.items()}
        samples = {file: tuple(_ucf101_sample(file, line, places, classes) for line in lines[file]) for file in lines}
        splits = {}
        for number in numbers:
            train, test = (samples[file] for file in sides[number])
            splits[number] = listed_split(train, test, gone, several)
        super().__init__(classes, splits)
        self.notes = (*self.holes(), *found.notes(len(entries)))


def _incomplete(root: Path, videos: Path, missing: list[str], lost: list[str], clips: int) -> UserError:
    """Return the error that lists everything that a UCF101 folder lacks."""
    if not root.is_dir():
        return UserError(no_folder(root), UCF101_TREE.format(root=root))
    lines = [f"UCF101 is not complete in {root}:"]
    if not videos.is_dir():
        lines.append("  the folder UCF-101 is missing")
    if missing:
        lines.append(f"  {len(missing)} list files are missing: {shorten(missing, 7)}")
    if lost:
        lines.append(f"  {len(lost):,} of {clips:,} listed clips are missing: {shorten(lost)}")
    lines.append(f"  {what_is_in(root)}")
    if place := nearby(root, LISTS[:1]):
        lines.append(f"  {place}")
    return UserError("\n".join(lines), UCF101_TREE.format(root=root))


def _read_ucf101_classes(file: Path) -> dict[str, int]:
    """Return each class's label from 0, read from lines such as ``1 ApplyEyeMakeup`` that count up from 1."""
    classes: dict[str, int] = {}
    for number, line in enumerate(read_lines(file), start=1):
        match line.split():
            case [given, name] if given == str(number) and name not in classes:
                classes[name] = number - 1
            case _:
                raise UserError(f"{file}: line {number} must be '{number} NewClass' but is '{line}'.")
    return classes


def _ucf101_sample(file: Path, line: str, paths: Mapping[str, Path], classes: Mapping[str, int]) -> Sample:
    """Return the sample of a list's line: ``Class/v_Class_g01_c01.avi``, in training lists with the label from 1."""
    entry, *label = line.split()
    name, stem = Path(entry).parent.name, Path(entry).stem
    group = re.search(r"_(g\d+)_c\d+$", stem)
    if not group:
        raise UserError(f"{file}: '{entry}' does not end in group and clip, as in v_Archery_g01_c01.avi.")
    if name not in classes:
        raise UserError(f"{file}: classInd.txt has no class '{name}' for '{entry}'.", did_you_mean(name, classes))
    if label and label != [str(classes[name] + 1)]:
        raise UserError(f"{file}: '{line}' gives another label than classInd.txt, where {name} is {classes[name] + 1}.")
    return Sample(stem, paths[entry], classes[name], f"{name}_{group[1]}")
