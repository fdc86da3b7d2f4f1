"""The embedded sample of reactions: small real videos with a drawn face and a voice that both follow the labels.

Two intensities are seen only (the mouth's curve and opening), two are heard only (pitch and loudness), and three are
both seen and heard, so neither sight nor sound alone can tell everything and the two together can. Each signal carries
noise of its own. The files have the form of ABAW5's Hume-Reaction, with a column of subjects; no subject is in two
parts.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tta_bench.cards.kinds import SOUND_RATE
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.data.media.encode import MPEG4_MP4, write_video
from tta_bench.data.synthetic.face import Expression, Look, draw_face
from tta_bench.data.synthetic.settings import fill
from tta_bench.data.synthetic.voice import Prosody, speak
from tta_bench.errors import UserError
from tta_bench.utils.keyed_random import generator
from tta_bench.utils.progress import Bar

REACTIONS_VERSION = 1
"""Raised whenever the same settings would give other clips."""


@dataclass(frozen=True, slots=True)
class ReactionSampleSettings:
    """Settings of the sample; these values are the data's identity.

    Each part has so many ``subjects`` with so many ``clips`` each. ``size`` is in pixels, ``fps`` in frames a second,
    ``noise`` the standard deviation of the noise on each visible or audible sign, on the scale of the intensities.
    """

    version: int = REACTIONS_VERSION
    seed: int = 0
    train_subjects: int = 20
    train_clips: int = 6
    val_subjects: int = 20
    val_clips: int = 2
    test_subjects: int = 4
    test_clips: int = 2
    frames: int = 25
    size: int = 64
    fps: float = 12.5
    noise: float = 0.08


@dataclass(frozen=True, slots=True)
class SampleReaction:
    """A clip of the sample: its id, subject, part and intensities."""

    id: str
    subject: str
    part: str
    targets: tuple[float, ...]


def read_reaction_settings(settings: Mapping[str, Any]) -> ReactionSampleSettings:
    """Return settings from plain values with the defaults filled in; raises UserError for those that cannot be."""
    sample = fill(ReactionSampleSettings, settings, REACTIONS_VERSION, "sample reactions")
    counts = (sample.train_subjects, sample.train_clips, sample.val_subjects, sample.val_clips)
    if min(*counts, sample.frames) < 1 or min(sample.test_subjects, sample.test_clips) < 0:
        raise UserError(f"no sample reactions can be made from {asdict(sample)}.", "Train and val need clips.")
    if sample.size < 16 or sample.size % 2 or not 1 <= sample.fps <= 100 or not 0 <= sample.noise < 1:
        raise UserError(
            f"no sample reactions can be made with size {sample.size}, fps {sample.fps} and noise {sample.noise}.",
            "The size must be even and 16 or more, fps between 1 and 100, and noise from 0 to below 1.",
        )
    return sample


def generate_reaction_sample(folder: Path, settings: ReactionSampleSettings | None = None) -> Path:
    """Write the sample's videos and table into a new folder, in the form of ABAW5, and return that folder."""
    settings = settings or ReactionSampleSettings()
    clips = list(plan(settings))
    for part in ("train", "val", "test"):
        (folder / part / "mp4").mkdir(parents=True)
    with Bar("making sample reactions", len(clips), "clips") as bar:
        for clip in clips:
            frames, sound = render(settings, clip)
            path = folder / clip.part / "mp4" / f"{clip.id}.mp4"
            write_video(path, frames, settings.fps, MPEG4_MP4, sound)
            bar.advance()
    write_table(folder / "data_info.csv", clips)
    return folder


def plan(settings: ReactionSampleSettings) -> Iterator[SampleReaction]:
    """Yield the clips in the order of their ids, which tell neither part nor subject's name."""
    number = 0
    parts = {
        "train": (settings.train_subjects, settings.train_clips),
        "val": (settings.val_subjects, settings.val_clips),
        "test": (settings.test_subjects, settings.test_clips),
    }
    for part, (subjects, clips) in parts.items():
        for subject in range(1, subjects + 1):
            for _ in range(clips):
                draw = generator("reaction_sample", settings.seed, number, "targets")
                rating = draw.beta(0.7, 1.3, len(EMOTIONS))
                targets = tuple(round(float(value), 6) for value in rating / rating.max())
                yield SampleReaction(f"{number:05d}", f"{part}_{subject:02d}", part, targets)
                number += 1


def render(settings: ReactionSampleSettings, clip: SampleReaction) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a clip's frames ``uint8 (frames, size, size, 3)`` and its sound ``float32 (S,)`` within -1 to 1."""
    subject = generator("reaction_sample", settings.seed, clip.subject)
    look, base = Look.of(subject), float(110 * 2 ** subject.uniform())
    draw = generator("reaction_sample", settings.seed, clip.id)
    seen, heard = (np.array(clip.targets) + draw.normal(0, settings.noise, (2, len(EMOTIONS)))).clip(0, 1)
    frames = draw_face(look, Expression(*seen[:5]), settings.frames, settings.size, draw)
    seconds = settings.frames / settings.fps
    return frames, speak(Prosody(*heard[2:]), base, round(seconds * SOUND_RATE), SOUND_RATE, draw)


def write_table(file: Path, clips: list[SampleReaction]) -> None:
    """Write ``data_info.csv`` as ABAW5 has it, ids in brackets and test clips without intensities, and the subjects."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["File_ID", "Split", *EMOTIONS, "Subject"])
        for clip in clips:
            targets = [""] * len(EMOTIONS) if clip.part == "test" else [f"{value:.6f}" for value in clip.targets]
            writer.writerow([f"[{clip.id}]", clip.part.capitalize(), *targets, clip.subject])
