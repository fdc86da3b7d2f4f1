"""An experiment's reactions: what is seen and heard of each clip, extracted before anything is spent."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tta_bench.cards.kinds import BackboneCard
from tta_bench.data.datasets.hume_reaction import HumeReaction, Reaction
from tta_bench.data.datasets.open import limited, open_dataset
from tta_bench.data.features.cache import Extractor, Features, extract
from tta_bench.data.features.extractors import ReadyFeatures, SoundFeatures
from tta_bench.data.transforms.faces import FaceFrames
from tta_bench.errors import UserError
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.models.backbones.audio import build_audio, frozen_identity
from tta_bench.models.backbones.feature_files import FeatureFiles
from tta_bench.protocols.reaction.clips import ReactionClips, ReadyReaction, column_statistics, read_rows
from tta_bench.protocols.reaction.model import Statistics
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.paths import cache_folder

FACES = "faces"
"""What all visual parts are shown; extracted once, however many these are."""


@dataclass(frozen=True)
class Extraction:
    """What taking faces and features from clips took."""

    clips: int
    """Faces and features of clips that were taken, or found in the cache."""
    reused: int
    """Those found in the cache."""
    seconds: float
    waiting: float = 0.0
    peak_memory: int = 0


@dataclass(frozen=True)
class ReactionSplit:
    """The clips that are trained on and scored, each with its faces and features."""

    layout: HumeReaction
    train: tuple[ReadyReaction, ...]
    scored: tuple[ReadyReaction, ...]
    reactions: tuple[Reaction, ...]
    """What the dataset says of the scored clips."""
    statistics: tuple[Statistics | None, ...]
    """Of each part's features over the training clips; None for visual parts."""
    means: tuple[float, ...]
    """Mean intensity of each target over the training clips."""
    identity: str
    """Digest of ids, parts, intensities and subjects; of the generator's parameters for an embedded sample. Training
    features that users bring count too."""
    scored_features: str | None
    """Digest of the scored clips' features where users bring them, which one training may be scored with."""
    extraction: Extraction

    def training_clips(self, experiment: ReactionExperiment) -> ReactionClips:
        """Return the clips that are trained on, with the recipe's augmentation."""
        return self._clips(self.train, experiment, experiment.train.flip)

    def scored_clips(self, experiment: ReactionExperiment) -> ReactionClips:
        """Return the clips that are scored, as they are."""
        return self._clips(self.scored, experiment, 0.0)

    def _clips(self, clips: Sequence[ReadyReaction], experiment: ReactionExperiment, flip: float) -> ReactionClips:
        widths = [len(known.mean) for known in self.statistics if known is not None]
        return ReactionClips(
            clips, experiment.clip.frames, experiment.clip.size, widths, len(self.means), flip, experiment.seed
        )


def parts_of(backbone: BackboneCard) -> tuple[BackboneCard, ...]:
    """Return the backbones that a backbone joins, or itself."""
    return backbone.parts or (backbone,)


def open_reactions(experiment: ReactionExperiment, workers: int) -> ReactionSplit:
    """Return the training part and the scored part, with all that is taken from their clips (kept in the cache).

    Raises:
        UserError: Something of the layout is missing, no training clip has intensities, or none has what a part of the
            backbone takes.
        RunFailed: A worker process ended on its own.
    """
    layout: HumeReaction = open_dataset(experiment.dataset, experiment.root)
    train, scored = (limited(layout.part(part), experiment.limit) for part in ("train", experiment.eval.split))
    begun = time.perf_counter()
    found = {
        name: extract(sources, extractor, cache_folder() / "features", workers, name)
        for name, extractor, sources in _wanted(experiment, layout, [*train, *scored])
    }
    reused = sum(features.reused for features in found.values())
    taken = reused + sum(features.made for features in found.values())
    extraction = Extraction(taken, reused, time.perf_counter() - begun)
    ready = {clip.id: _ready(clip, experiment.backbone, found) for clip in [*train, *scored]}
    ready_train = tuple(ready[clip.id] for clip in train)
    return ReactionSplit(
        layout=layout,
        train=ready_train,
        scored=tuple(ready[clip.id] for clip in scored),
        reactions=tuple(scored),
        statistics=_statistics(ready_train, experiment.backbone),
        means=_means(ready_train),
        identity=_identity(experiment, layout, _user_feature_digests(experiment, found, train)),
        scored_features=digest(brought) if (brought := _user_feature_digests(experiment, found, scored)) else None,
        extraction=extraction,
    )


def _wanted(
    experiment: ReactionExperiment, layout: HumeReaction, clips: Sequence[Reaction]
) -> list[tuple[str, Extractor, Mapping[str, Path | None]]]:
    """Return what is to be taken from which files: faces once, and the features of each part that is not visual."""
    wanted: list[tuple[str, Extractor, Mapping[str, Path | None]]] = []
    if experiment.backbone.sees:
        faces = FaceFrames(
            experiment.clip.size,
            experiment.clip.frames,
            experiment.clip.sampling,
            experiment.clip.cropper,
            experiment.face_model,
        )
        wanted.append((FACES, faces, {clip.id: clip.video for clip in clips}))
    for part in parts_of(experiment.backbone):
        if not part.sees:
            wanted.append((part.name, *feature_source(part, layout, clips)))
    return wanted


def feature_source(
    part: BackboneCard, layout: HumeReaction, clips: Sequence[Reaction]
) -> tuple[Extractor, Mapping[str, Path | None]]:
    """Return what takes a part's features, and from which files.

    Raises:
        UserError: The backbone needs a package that is not there; or there is no folder of such features.
    """
    identity = frozen_identity(part)
    if part.modality == "features":
        files = FeatureFiles(**part.arguments)
        return ReadyFeatures(files, identity), layout.features(files.name, [clip.id for clip in clips])
    return SoundFeatures(build_audio(part), identity), {clip.id: clip.audio for clip in clips}


def _ready(clip: Reaction, backbone: BackboneCard, found: Mapping[str, Features]) -> ReadyReaction:
    faces = found[FACES].files[clip.id] if FACES in found else None
    features = tuple(found[part.name].files[clip.id] for part in parts_of(backbone) if not part.sees)
    return ReadyReaction(clip.id, faces, features, clip.targets)


def _statistics(train: Sequence[ReadyReaction], backbone: BackboneCard) -> tuple[Statistics | None, ...]:
    """Return mean and deviation of each part's features; raises UserError where no training clip has any."""
    place = 0
    statistics: list[Statistics | None] = []
    for part in parts_of(backbone):
        if part.sees:
            statistics.append(None)
            continue
        paths = [clip.features[place] for clip in train]
        if not any(paths):
            raise UserError(f"none of the {len(train):,} training clips has what {part.name} takes.")
        statistics.append(Statistics(*column_statistics(read_rows(path) for path in paths if path is not None)))
        place += 1
    return tuple(statistics)


def _means(train: Sequence[ReadyReaction]) -> tuple[float, ...]:
    """Return the mean of each target; raises UserError where a training clip has none."""
    known = [clip.targets for clip in train if clip.targets is not None]
    if len(known) < len(train) or not known:
        raise UserError(f"{len(train) - len(known):,} of the {len(train):,} training clips have no intensities.")
    return tuple(float(mean) for mean in np.mean(known, axis=0))


def _identity(experiment: ReactionExperiment, layout: HumeReaction, brought: object) -> str:
    """Return the data's digest, with that of training features that users bring."""
    known = (
        [experiment.dataset.component, experiment.dataset.generator]
        if experiment.dataset.generator is not None
        else [layout.identity()]
    )
    return digest([*known, *([brought] if brought else [])])


def _user_feature_digests(
    experiment: ReactionExperiment, found: Mapping[str, Features], clips: Sequence[Reaction]
) -> object:
    """Return the digests of clips' features that users bring, by part; their files' names say them."""
    return {
        part.name: {clip.id: file and file.stem for clip in clips for file in [found[part.name].files[clip.id]]}
        for part in parts_of(experiment.backbone)
        if part.modality == "features"
    }
