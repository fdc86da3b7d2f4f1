"""Intensities of any clip by a finished reaction run: faces and features taken as in training, and its network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tta_bench.cards.kinds import BackboneCard
from tta_bench.data.features.extractors import SoundFeatures
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.transforms.faces import FaceFrames
from tta_bench.errors import UserError
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.models.backbones.audio import build_audio, frozen_identity
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.protocols.base.weights import CHECKPOINT
from tta_bench.protocols.reaction.clips import ReactionItem
from tta_bench.protocols.reaction.run import Reaction
from tta_bench.protocols.reaction.split import parts_of


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
        clips = self.run.prepared.clips.scored_clips(self.experiment)
        unknown = torch.full((len(self.classes),), torch.nan)
        parts = [part for part in parts_of(self.experiment.backbone) if not part.sees]
        item: ReactionItem = {
            "faces": self._faces(path),
            "features": [self._sound(part, path) for part in parts],
            "targets": unknown,
        }
        return np.asarray(self.step.outputs(clips.collate([item]))[0])

    def _faces(self, path: Path) -> Tensor:
        clip = self.experiment.clip
        if not self.experiment.backbone.sees:
            return torch.zeros(0, clip.size, clip.size, 3, dtype=torch.uint8)
        faces, _ = FaceFrames(clip.size, clip.frames, clip.sampling, clip.cropper, self.experiment.face_model)(path)
        if faces is None:
            raise UnreadableVideo(path, "no frame of it can be decoded")
        return torch.from_numpy(np.ascontiguousarray(faces))

    def _sound(self, part: BackboneCard, path: Path) -> Tensor:
        values, _ = SoundFeatures(build_audio(part), frozen_identity(part))(path)
        if values is None:
            raise UnreadableVideo(path, f"it has no sound, which {part.name} needs")
        return torch.from_numpy(np.atleast_2d(values))
