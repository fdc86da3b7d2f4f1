"""The embedded sample in HMDB51's layout: the motions of `tta_bench.data.synthetic.ucf101`, cut from made-up films.

A film is a group: all of its clips share background and objects, whatever their class. As in HMDB51, the three splits'
test lists overlap, some clips are unused in a split, and some films of the test list are also trained on, in other
classes.
"""

from __future__ import annotations

from pathlib import Path

from tta_bench.data.datasets.hmdb51 import LISTS, TEST, TRAIN, UNUSED
from tta_bench.data.media.encode import MPEG4_AVI, write_video
from tta_bench.data.synthetic.ucf101 import CLASSES, PAIRS, SampleSettings, render_clip
from tta_bench.errors import UserError
from tta_bench.utils.progress import Bar

SPLITS = (1, 2, 3)
SIGNS = ("!", "#2", "&_co", "(uncut)", "+", ";", "@home", "[2]", "~")
"""Ends of titles, with every sign that HMDB51's own titles have."""


def generate_hmdb51_sample(folder: Path, settings: SampleSettings) -> Path:
    """Write the sample's videos and lists into a new folder, in HMDB51's official layout, and return that folder.

    Raises:
        UserError: There are too few films for the splits.
    """
    needed = settings.test_groups + 3
    if settings.groups < needed:
        raise UserError(
            f"{settings.groups} films are too few to test each class on {settings.test_groups}: {needed} are needed."
        )
    write_lists(folder / LISTS, settings)
    with Bar("making sample videos", len(CLASSES) * settings.groups * settings.clips, "clips") as bar:
        for name in CLASSES:
            (folder / name).mkdir()
            for film in range(1, settings.groups + 1):
                for clip in range(1, settings.clips + 1):
                    path = folder / name / clip_name(name, film, clip)
                    write_video(path, render_clip(settings, name, film, clip), settings.fps, MPEG4_AVI)
                    bar.advance()
    return folder


def write_lists(folder: Path, settings: SampleSettings) -> None:
    """Write a list for each class and split as HMDB51 has them: a clip and its flag on each line, and a blank after."""
    folder.mkdir(parents=True)
    for name in CLASSES:
        for split in SPLITS:
            lines = [
                f"{clip_name(name, film, clip)} {flag(split, name, film, settings)} \n"
                for film in range(1, settings.groups + 1)
                for clip in range(1, settings.clips + 1)
            ]
            (folder / f"{name}_test_split{split}.txt").write_text("".join(lines), encoding="utf-8")


def flag(split: int, name: str, film: int, settings: SampleSettings) -> str:
    """Return a split's flag for a class's clips of a film: 1 to train on, 2 to test on, 0 unused.

    Films are taken in turn, each split starting one later. The first ones are tested on in all classes; the two after
    them in one half of the classes each, while the other half trains on them; the last one is unused.
    """
    turn = (film - split) % settings.groups
    half = next(index for index, pair in enumerate(PAIRS) if name in pair) % 2
    shared = settings.test_groups - 1
    if turn < shared or turn == shared + half:
        return TEST
    return UNUSED if turn == settings.groups - 1 else TRAIN


def clip_name(name: str, film: int, clip: int) -> str:
    """Return HMDB51's file name for a clip, e.g. ``Film_01_#2_MoveLeft_f_cm_np1_fr_goo_0.avi``."""
    return f"Film_{film:02d}_{SIGNS[film % len(SIGNS)]}_{name}_f_cm_np1_fr_goo_{clip - 1}.avi"
