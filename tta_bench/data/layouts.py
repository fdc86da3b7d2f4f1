"""Where datasets keep their clips, labels, groups and splits on disk.

UCF101 as it is distributed (Soomro et al. 2012, https://www.crcv.ucf.edu/data/UCF101.php), and two layouts for one's
own videos: a folder for each class, and a CSV file. Reading a layout opens no video.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tta_bench.components import DATASETS
from tta_bench.data.corpus import Clip
from tta_bench.data.finding import clips_by_class, locate, read_lines
from tta_bench.errors import UserError, did_you_mean, shorten, unknown

UCF101_TREE = """Expected:
  {root}
  ├── UCF-101
  │   ├── ApplyEyeMakeup
  │   │   ├── v_ApplyEyeMakeup_g01_c01.avi
  │   │   └── ...
  └── ucfTrainTestlist
      ├── classInd.txt
      └── testlist01.txt, trainlist01.txt, ..."""

FOLDER_TREE = """Expected:
  {root}
  ├── train
  │   ├── <class>
  │   │   ├── <clip>.mp4
  │   │   └── ...
  └── test (the same classes with other clips)"""

CSV_FORM = "Expected: a first line path,label,split or path,label,split,group, then a line for each clip."


@dataclass(frozen=True, slots=True)
class Sample:
    """One clip: its id, its file or folder of frames, the index of its class, and the source that it was cut from."""

    id: str
    path: Path
    label: int
    group: str


@dataclass(frozen=True)
class Split:
    """The clips to train on and the clips to test on."""

    train: tuple[Sample, ...]
    test: tuple[Sample, ...]


class Layout:
    """A dataset found on disk: its classes in the order of their labels, and its splits by number."""

    def __init__(self, classes: Iterable[str], splits: Mapping[int, Split]) -> None:
        self.classes = tuple(classes)
        self._splits = dict(splits)
        for number, split in splits.items():
            train, test = len(split.train), len(split.test)
            if not train or not test:
                raise UserError(f"split {number} has {train:,} clips to train on and {test:,} to test on.")
            count = Counter(sample.id for sample in (*split.train, *split.test))
            if twice := [name for name, times in count.items() if times > 1]:
                raise UserError(f"split {number} names {len(twice):,} clips more than once: {shorten(twice)}.")

    @property
    def splits(self) -> tuple[int, ...]:
        """The numbers of the splits that there are."""
        return tuple(sorted(self._splits))

    def split(self, number: int) -> Split:
        """Return a split by its number; raises UserError where there is no such split."""
        if number not in self._splits:
            raise unknown("split", str(number), map(str, self.splits))
        return self._splits[number]

    def videos(self) -> list[Clip]:
        """Return every video that is in a list, once."""
        sides = [side for split in self._splits.values() for side in (split.train, split.test)]
        return list({sample.id: Clip(sample.id, sample.path) for side in sides for sample in side}.values())


@DATASETS.register_module()
class UCF101(Layout):
    """UCF101 in its official layout, or another dataset in that layout.

    A clip is looked for where its list says, then anywhere below the root by its name without suffix, as a video file
    or as a folder of frames. Its id is that name, its group ``<Class>_gNN``. A split without list files is left out.

    Args:
        root: The folder that holds ``UCF-101`` and ``ucfTrainTestlist``.

    Raises:
        UserError: Naming everything that is missing, or what in a list makes no sense.
    """

    def __init__(self, root: Path) -> None:
        lists = root / "ucfTrainTestlist"
        sides = {number: (lists / f"trainlist0{number}.txt", lists / f"testlist0{number}.txt") for number in (1, 2, 3)}
        numbers = [number for number in sides if any(file.is_file() for file in sides[number])] or [1]
        needed = [lists / "classInd.txt", *(file for number in numbers for file in sides[number])]
        missing = [str(file.relative_to(root)) for file in needed if not file.is_file()]
        lines = {file: read_lines(file) for file in needed[1:] if file.is_file()}
        entries = {line.split()[0]: None for file in lines for line in lines[file]}
        paths = locate(root, root / "UCF-101", entries)
        lost = [entry for entry in entries if entry not in paths]
        if missing or lost:
            raise _incomplete(root, missing, lost, len(entries))
        classes = _read_ucf101_classes(needed[0])
        samples = {file: tuple(_ucf101_sample(file, line, paths, classes) for line in lines[file]) for file in lines}
        super().__init__(classes, {number: Split(*(samples[file] for file in sides[number])) for number in numbers})


@DATASETS.register_module()
class FolderDataset(Layout):
    """One's own videos as ``train/<class>/<clip>`` and ``test/<class>/<clip>``.

    A clip is a video file or a folder of frames; its id is its path below the root, its group its name without suffix.

    Args:
        root: The folder that holds ``train`` and ``test``.

    Raises:
        UserError: Naming the folders and classes that are missing or have no clips.
    """

    def __init__(self, root: Path) -> None:
        clips = {side: clips_by_class(root / side) for side in ("train", "test")}
        classes = sorted(clips["train"] | clips["test"])
        empty = [f"{side}/{name}" for side in clips for name in classes if not clips[side].get(name)]
        if empty or not classes:
            where = shorten([side for side in clips if not (root / side).is_dir()] or empty or list(clips))
            raise UserError(f"there are no clips in {where} below {root}.", FOLDER_TREE.format(root=root))
        train, test = (
            tuple(
                Sample(path.relative_to(root).as_posix(), path, label, path.stem)
                for label, name in enumerate(classes)
                for path in clips[side][name]
            )
            for side in clips
        )
        super().__init__(classes, {1: Split(train, test)})


@DATASETS.register_module()
class CsvDataset(Layout):
    """One's own videos as lines of a CSV file with the columns path, label, split (train or test) and perhaps group.

    Paths are relative to the file's folder and serve as ids. Labels are class names, or numbers, which are put in
    order. A clip without a group is a group of its own.

    Args:
        root: The CSV file.

    Raises:
        UserError: Naming the lines that make no sense, or all clips that are missing.
    """

    def __init__(self, root: Path) -> None:
        rows = _read_csv(root)
        labels = {row["label"] for row in rows}
        numbers = all(label.isdecimal() for label in labels)
        classes = sorted(labels, key=lambda label: (int(label) if numbers else 0, label))
        sides: dict[str, list[Sample]] = {"train": [], "test": []}
        for row in rows:
            path = root.parent / row["path"]
            name = Path(os.path.relpath(path, root.parent)).as_posix()
            sides[row["split"]].append(Sample(name, path, classes.index(row["label"]), row.get("group") or name))
        if lost := [sample.id for sample in (*sides["train"], *sides["test"]) if not sample.path.exists()]:
            raise UserError(
                f"{len(lost):,} of {len(rows):,} clips listed in {root} are not there: {shorten(lost)}.",
                f"Paths are relative to {root.parent}.",
            )
        if untrained := labels - {row["label"] for row in rows if row["split"] == "train"}:
            raise UserError(f"{root} has no clips to train on for {shorten(sorted(untrained))}.", CSV_FORM)
        super().__init__(classes, {1: Split(tuple(sides["train"]), tuple(sides["test"]))})


def _incomplete(root: Path, missing: list[str], lost: list[str], clips: int) -> UserError:
    """Return the error that says everything that a UCF101 folder lacks."""
    if not root.is_dir():
        return UserError(f"the folder {root} does not exist.", UCF101_TREE.format(root=root))
    lines = [f"UCF101 is not complete in {root}:"]
    if not (root / "UCF-101").is_dir():
        lines.append("  the folder UCF-101 is missing")
    if missing:
        lines.append(f"  {len(missing)} list files are missing: {shorten(missing, 7)}")
    if lost:
        lines.append(f"  {len(lost):,} of {clips:,} listed clips are missing: {shorten(lost)}")
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


def _read_csv(file: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file that has the columns path, label and split, each filled in."""
    if not file.is_file():
        raise UserError(f"the CSV file {file} does not exist.", CSV_FORM)
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        reader = csv.DictReader(stream, skipinitialspace=True, restval="")
        if absent := {"path", "label", "split"} - set(reader.fieldnames or ()):
            raise UserError(f"{file} has no column {shorten(sorted(absent))}.", CSV_FORM)
        rows = list(reader)
    good = [bool(row["path"] and row["label"] and row["split"] in ("train", "test")) for row in rows]
    if not all(good):
        wrong = [f"line {number}" for number, is_good in enumerate(good, start=2) if not is_good]
        raise UserError(f"{file} lacks a path, a label, or a split of train or test in {shorten(wrong)}.", CSV_FORM)
    return rows
