"""Copies of datasets with real encoded files, as users have them: toys, partial downloads, and official names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.data.media.encode import MPEG4_AVI, write_video
from tta_bench.data.synthetic.ucf101 import CLASSES, SampleSettings, render_clip

LOOK = SampleSettings(groups=5, test_groups=2, clips=2, frames=12, width=48, height=32)


def encode(path: Path, name: str, group: int, clip: int) -> Path:
    """Write a small clip of a motion."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, render_clip(LOOK, name, group, clip), 25, MPEG4_AVI)
    return path


def write_lines(path: Path, lines: list[str]) -> None:
    """Write the lines of a list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def own_ucf101(root: Path) -> Path:
    """Write a folder called UCF-101 with 4 class names, 40 clips, and a list of 12 to test on."""
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for label, (name, motion) in enumerate(zip(("Cook", "Pour", "Stir", "Wash"), CLASSES, strict=False), start=1):
        for clip in range(10):
            file = f"{name}/v_{name}_g{clip // 2 + 1:02d}_c{clip % 2 + 1:02d}.avi"
            encode(root / "UCF-101" / file, motion, clip // 2 + 1, clip % 2 + 1)
            lists["test" if clip < 3 else "train"].append(file if clip < 3 else f"{file} {label}")
    for part, lines in lists.items():
        write_lines(root / "ucfTrainTestlist" / f"{part}list01.txt", lines)
    write_lines(root / "ucfTrainTestlist" / "classInd.txt", ["1 Cook", "2 Pour", "3 Stir", "4 Wash"])
    return root


def _linked(root: Path, entries: list[str]) -> None:
    """Link every entry of a list to one of a handful of encoded clips."""
    few = [encode(root / f".clip{n}.avi", CLASSES[n], 1, 1) for n in range(5)]
    for number, entry in enumerate(entries):
        path = root / "UCF-101" / entry
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(few[number % len(few)], path)


def whole_ucf101(root: Path, shared: Path) -> Path:
    """Write the official lists, and all 13,320 names as links to a handful of clips."""
    shutil.copytree(shared / "ucf101" / "ucfTrainTestlist", root / "ucfTrainTestlist")
    lists = [(root / "ucfTrainTestlist" / f"{part}list01.txt").read_text().split() for part in ("train", "test")]
    _linked(root, [word for words in lists for word in words if word.endswith(".avi")])
    return root


def partial_ucf101(root: Path, shared: Path, test: int, classes: int) -> Path:
    """Write what came of a download that broke off: a few classes, with lists cut to what is there."""
    official = shared / "ucf101" / "ucfTrainTestlist"
    (root / "ucfTrainTestlist").mkdir(parents=True)
    shutil.copyfile(official / "classInd.txt", root / "ucfTrainTestlist" / "classInd.txt")
    kept = [line.split()[1] for line in (official / "classInd.txt").read_text().splitlines()[:classes]]
    entries: list[str] = []
    for part, most in (("train", 4), ("test", test // classes)):
        lines = (official / f"{part}list01.txt").read_text().splitlines()
        by_class = [[line for line in lines if line.startswith(f"{name}/")][-most:] for name in kept]
        lines = [line for few in by_class for line in few]
        write_lines(root / "ucfTrainTestlist" / f"{part}list01.txt", lines)
        entries += [line.split()[0] for line in lines]
    _linked(root, entries)
    return root


def hume_folder(root: Path) -> Path:
    """Write 11 clips in the form of ABAW5's challenge: 7 to train on, 4 to validate on."""
    rows = ["File_ID,Split," + ",".join(EMOTIONS)]
    for number in range(11):
        part = "train" if number < 7 else "val"
        encode(root / part / "mp4" / f"{number:05d}.avi", CLASSES[number % 8], number % 5 + 1, 1)
        figures = [f"{(number * 7 + 3 * index) % 11 / 10}" for index in range(len(EMOTIONS))]
        rows.append(f"{number:05d},{part.title()}," + ",".join(figures))
    write_lines(root / "data_info.csv", rows)
    return root
