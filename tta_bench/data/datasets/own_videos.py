"""Layouts for one's own videos: a folder for each class, and a CSV file."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from tta_bench.data.datasets.find_clips import clips_by_class
from tta_bench.data.datasets.layout import Layout, Sample, Split
from tta_bench.errors import UserError, shorten
from tta_bench.registry import DATASETS

FOLDER_TREE = """Expected:
  {root}
  ├── train
  │   ├── <class>
  │   │   ├── <clip>.mp4
  │   │   └── ...
  └── test (the same classes with other clips)"""


CSV_FORM = "Expected: a first line path,label,split or path,label,split,group, then a line for each clip."


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
