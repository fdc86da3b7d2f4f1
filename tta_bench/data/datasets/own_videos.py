"""Layouts for users' own videos: a folder for each class, and a CSV file."""

from __future__ import annotations

import os
from pathlib import Path

from tta_bench.data.datasets.find_clips import clips_by_class
from tta_bench.data.datasets.layout import Layout, Sample, Split
from tta_bench.errors import UserError, shorten
from tta_bench.registry import DATASETS
from tta_bench.utils.tables import read_rows

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
    """Users' own videos as ``train/<class>/<clip>`` and ``test/<class>/<clip>``.

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
            folders = shorten([side for side in clips if not (root / side).is_dir()] or empty or list(clips))
            raise UserError(f"there are no clips in {folders} below {root}.", FOLDER_TREE.format(root=root))
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
    """Users' own videos as lines of a CSV file with the columns path, label, split (train or test) and perhaps group.

    Paths are relative to the file's folder and serve as ids. Labels are class names, or numbers, which are put in
    order. A clip without a group is a group of its own.

    Args:
        root: The CSV file.

    Raises:
        UserError: Naming the lines that are wrong, or all clips that are missing.
    """

    def __init__(self, root: Path) -> None:
        rows = read_rows(root, ("path", "label", "split"), ("group",), CSV_FORM)
        if wrong := [f"line {line}" for line, row in rows.items() if row["split"] not in ("train", "test")]:
            raise UserError(f"{root} has a split other than train or test in {shorten(wrong)}.", CSV_FORM)
        labels = {row["label"] for row in rows.values()}
        numbers = all(label.isdecimal() for label in labels)
        classes = sorted(labels, key=lambda label: (int(label) if numbers else 0, label))
        sides: dict[str, list[Sample]] = {"train": [], "test": []}
        for row in rows.values():
            path = root.parent / row["path"]
            name = Path(os.path.relpath(path, root.parent)).as_posix()
            sides[row["split"]].append(Sample(name, path, classes.index(row["label"]), row["group"] or name))
        if lost := [sample.id for sample in (*sides["train"], *sides["test"]) if not sample.path.exists()]:
            raise UserError(
                f"{len(lost):,} of {len(rows):,} clips listed in {root} are not there: {shorten(lost)}.",
                f"Paths are relative to {root.parent}.",
            )
        if untrained := labels - {row["label"] for row in rows.values() if row["split"] == "train"}:
            raise UserError(f"{root} has no clips to train on for {shorten(sorted(untrained))}.", CSV_FORM)
        super().__init__(classes, {1: Split(tuple(sides["train"]), tuple(sides["test"]))})
