"""Intensities of any clip by a finished reaction run: faces and features taken as in training, and its network."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tta_bench.cards.kinds import SOUND_RATE, BackboneCard
from tta_bench.data.features.extractors import SoundFeatures
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import Pixels, frame_rate
from tta_bench.data.media.sound import guard, read_sound
from tta_bench.data.media.windows import sliding_windows
from tta_bench.data.transforms.face_detectors import face_detector
from tta_bench.data.transforms.faces import FaceFrames, crop_faces
from tta_bench.errors import UserError
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.models.backbones.audio import build_audio, frozen_identity
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.protocols.base.weights import CHECKPOINT
from tta_bench.protocols.reaction.clips import ReactionClips, ReactionItem
from tta_bench.protocols.reaction.run import Reaction
from tta_bench.protocols.reaction.split import parts_of

WINDOW_SECONDS = 12.0
"""Length of a window of a long video, about that of the clips that reactions are trained on (Hume-Reaction: 11.6 s)."""


class Scored(NamedTuple):
    """Scores of a video, or of one window of it."""

    start: float | None
    """Seconds; None for the whole video."""
    end: float | None
    scores: NDArray[np.float32]
    """``(classes,)``."""


class _Span(NamedTuple):
    """A window of a long video."""

    start: float
    end: float
    pictures: Pixels | None
    """``uint8 (T, H, W, 3)``; None for a backbone that only hears."""


class ReactionPredictor:
    """The network of a finished reaction run, ready to be shown clips.

    Args:
        experiment: The run's experiment; its data must be there, as the run's folder is named after them.
        work_dir: Folder of all runs.

    Raises:
        UserError: The run has no checkpoint, or its backbone takes features from files, which a new clip has not.
    """

    def __init__(self, experiment: ReactionExperiment, work_dir: Path) -> None:
        if ready := [part.name for part in parts_of(experiment.backbone) if part.modality == "features"]:
            raise UserError(f"{', '.join(ready)}: these features come from files, and a new clip has none.")
        self.experiment, self.run = experiment, Reaction(experiment, work_dir, "missing")
        self.classes = tuple(self.run.prepared.clips.layout.targets)
        self.step = self.run.build(1)
        if not self.run.prepared.is_test_only:
            file = self.run.folder / CHECKPOINT
            if not file.is_file():
                raise UserError(f"the run's model {file} is not there.", "Say the --work-dir of the run.")
            self.step.net.load_state_dict(read_checkpoint(file)["model"])

    def whole(self, path: Path) -> NDArray[np.float32]:
        """Return the intensities of a clip, ``(K,)``.

        Raises:
            UnreadableVideo: It has no picture, or no sound, that the backbone needs.
        """
        signal = self._signal(path)
        heard = self._features(signal, self._extractors, path)
        return self._intensities(self._faces(path), heard)

    def along(self, path: Path, every: float) -> Iterator[Scored]:
        """Yield the intensities of a window of 12 seconds every so many seconds; the last one ends with the video.

        Raises:
            UnreadableVideo: It has no picture, or no sound, that the backbone needs; perhaps after some windows.
        """
        signal, extractors = self._signal(path), self._extractors
        for span in self._spans(path, every, 0 if signal is None else len(signal)):
            heard = None if signal is None else guard(_cut(signal, span)).signal
            rows = self._features(heard, extractors, path)
            scores = self._intensities(self._crops(span.pictures), rows)
            yield Scored(span.start, span.end, scores)

    def _spans(self, path: Path, every: float, samples: int) -> Iterator[_Span]:
        """Yield the windows of a video, or of its sound where the backbone only hears."""
        clip = self.experiment.clip
        if self.experiment.backbone.sees:
            frames = clip.frames if clip.sampling == "uniform" else min(clip.frames, round(WINDOW_SECONDS))
            seconds = WINDOW_SECONDS / max(1, frames - 1) if clip.sampling == "uniform" else 1.0
            stride = max(1, round(seconds * float(frame_rate(path))))
            for window in sliding_windows(path, frames, stride, every):
                yield _Span(window.start, window.start + WINDOW_SECONDS, window.frames)
            return
        begin, length = 0, samples / SOUND_RATE
        while begin == 0 or (begin - 1) * every + WINDOW_SECONDS < length:
            yield _Span(begin * every, begin * every + WINDOW_SECONDS, None)
            begin += 1

    def _crops(self, pictures: Pixels | None) -> Tensor:
        size, clip = self.experiment.clip.size, self.experiment.clip
        if pictures is None:
            return torch.zeros(0, size, size, 3, dtype=torch.uint8)
        crops, _ = crop_faces(pictures, face_detector(clip.cropper, self.experiment.face_model), size)
        return torch.from_numpy(crops)

    def _intensities(self, faces: Tensor, features: list[Tensor]) -> NDArray[np.float32]:
        unknown = torch.full((len(self.classes),), torch.nan)
        item: ReactionItem = {"faces": faces, "features": features, "targets": unknown}
        return np.asarray(self.step.outputs(self.clips.collate([item]))[0])

    @cached_property
    def clips(self) -> ReactionClips:
        """The run's clips that are scored, which say how an item is padded."""
        return self.run.prepared.clips.scored_clips(self.experiment)

    @property
    def _heard(self) -> list[BackboneCard]:
        """Parts of the backbone that take the sound."""
        return [part for part in parts_of(self.experiment.backbone) if not part.sees]

    def _faces(self, path: Path) -> Tensor:
        clip = self.experiment.clip
        if not self.experiment.backbone.sees:
            return torch.zeros(0, clip.size, clip.size, 3, dtype=torch.uint8)
        faces, _ = FaceFrames(clip.size, clip.frames, clip.sampling, clip.cropper, self.experiment.face_model)(path)
        if faces is None:
            raise UnreadableVideo(path, "no frame of it can be decoded")
        return torch.from_numpy(np.ascontiguousarray(faces))

    def _signal(self, path: Path) -> NDArray[np.float32] | None:
        """Return the sound of a clip; None where there is none, and the picture is enough, as in training."""
        signal = read_sound(path).signal if self._heard else None
        if signal is None and not self.experiment.backbone.sees:
            raise UnreadableVideo(path, f"it has no sound, which {self._heard[0].name} needs")
        return signal

    @property
    def _extractors(self) -> list[SoundFeatures]:
        return [SoundFeatures(build_audio(part), frozen_identity(part)) for part in self._heard]

    def _features(
        self, signal: NDArray[np.float32] | None, extractors: list[SoundFeatures], path: Path
    ) -> list[Tensor]:
        """Return the rows of each part that hears; none of a silence."""
        if signal is None:
            return [torch.zeros(0, width) for width in self.clips.widths]
        return [torch.from_numpy(np.atleast_2d(extractor.values(signal, path))) for extractor in extractors]


def _cut(signal: NDArray[np.float32], span: _Span) -> NDArray[np.float32]:
    """Return the sound of a window."""
    return signal[round(span.start * SOUND_RATE) : round(span.end * SOUND_RATE)]
