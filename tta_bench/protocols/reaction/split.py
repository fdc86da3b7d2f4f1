"""Training and scored clips of a reaction dataset, with faces and audio features extracted before training."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tta_bench.cards.kinds import BackboneCard
from tta_bench.data.datasets.hume_reaction import HumeReaction, ListedReaction
from tta_bench.data.datasets.official import reaction_pairs
from tta_bench.data.datasets.open import limited, open_dataset
from tta_bench.data.features.cache import Extractor, Features, extract
from tta_bench.data.features.extractors import ReadyFeatures, SoundFeatures
from tta_bench.data.media.file_hashes import reaction_contents, require_same_contents
from tta_bench.data.media.manifest import contents_digest
from tta_bench.data.transforms.faces import FaceFrames
from tta_bench.errors import UserError
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.models.backbones.audio import build_audio, frozen_identity
from tta_bench.models.backbones.feature_files import FeatureFiles
from tta_bench.protocols.base.readable import generated
from tta_bench.protocols.base.standing import UNKNOWN, Standing, announce, shared_bytes, standing_of
from tta_bench.protocols.reaction.clips import ReactionClips, ReadyReaction, column_statistics, read_rows
from tta_bench.protocols.reaction.model import Statistics
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.paths import cache_folder

FACES = "faces"
"""Name of the extraction that all visual parts share."""


@dataclass(frozen=True)
class Extraction:
    """Cost of extracting faces and features from clips."""

    clips: int
    """Extracted faces and features of clips, cached ones included."""
    reused: int
    """Those of them that were cached."""
    seconds: float
    waiting: float = 0.0
    peak_memory: int = 0


@dataclass(frozen=True)
class ReactionSplit:
    """Training and scored clips, each with its faces and features."""

    layout: HumeReaction
    train: tuple[ReadyReaction, ...]
    scored: tuple[ReadyReaction, ...]
    reactions: tuple[ListedReaction, ...]
    """The scored clips as in the dataset's tables."""
    statistics: tuple[Statistics | None, ...]
    """Mean and deviation of each part's features over the training clips; None for visual parts."""
    means: tuple[float, ...]
    """Mean intensity of each target over the training clips."""
    identity: str
    """Digest of ids, parts, intensities and subjects, or of an embedded sample's generator; and of user-supplied
    features of the training clips."""
    scored_features: str | None
    """Digest of user-supplied features of the scored clips; None where there are none. They are no part of the
    training."""
    extraction: Extraction
    standing: Standing = UNKNOWN
    """The lists and the clips' bytes beside the official ones."""
    trained: str | None = None
    """Digest of the bytes of the training clips; None where they are not known, and for an embedded sample."""

    @property
    def key(self) -> str:
        """Identity of the data that a training depends on: with the training clips' bytes, but for a sample."""
        return self.identity if self.trained is None else digest([self.identity, self.trained])

    def training_clips(self, experiment: ReactionExperiment) -> ReactionClips:
        """Return the training clips, with the recipe's augmentation."""
        return self._clips(self.train, experiment, experiment.train.flip)

    def scored_clips(self, experiment: ReactionExperiment) -> ReactionClips:
        """Return the scored clips, without augmentation."""
        return self._clips(self.scored, experiment, 0.0)

    def _clips(self, clips: Sequence[ReadyReaction], experiment: ReactionExperiment, flip: float) -> ReactionClips:
        widths = [len(known.mean) for known in self.statistics if known is not None]
        return ReactionClips(
            clips, experiment.clip.frames, experiment.clip.size, widths, len(self.means), flip, experiment.seed
        )


def parts_of(backbone: BackboneCard) -> tuple[BackboneCard, ...]:
    """Return the backbones that a joined backbone consists of, or the backbone itself."""
    return backbone.parts or (backbone,)


def open_reactions(experiment: ReactionExperiment, workers: int) -> ReactionSplit:
    """Return the training part and the scored part, with faces and features of their clips (cached).

    Raises:
        UserError: Files of the layout are missing, training clips have no intensities, or none of them has the input of
            a part of the backbone.
        RunFailed: A worker process ended on its own.
    """
    layout: HumeReaction = open_dataset(experiment.dataset, experiment.root)
    whole = {part: layout.part(part) for part in ("train", experiment.eval.split)}
    train, scored = (limited(whole[part], experiment.limit) for part in ("train", experiment.eval.split))
    contents = _contents(train, scored)
    begun = time.perf_counter()
    extracted = {
        name: extract(sources, extractor, cache_folder() / "features", workers, name)
        for name, extractor, sources in _extractions(experiment, layout, [*train, *scored])
    }
    reused = sum(features.reused for features in extracted.values())
    taken = reused + sum(features.made for features in extracted.values())
    extraction = Extraction(taken, reused, time.perf_counter() - begun)
    ready = {clip.id: _ready(clip, experiment.backbone, extracted) for clip in [*train, *scored]}
    ready_train = tuple(ready[clip.id] for clip in train)
    supplied_train, supplied = (_user_feature_digests(experiment, extracted, part) for part in (train, scored))
    for before, after in zip(contents, _contents(train, scored), strict=True):
        require_same_contents(before, after)
    standing = _standing(experiment, layout, whole, (train, scored), contents)
    return ReactionSplit(
        layout=layout,
        train=ready_train,
        scored=tuple(ready[clip.id] for clip in scored),
        reactions=tuple(scored),
        statistics=_statistics(ready_train, experiment.backbone),
        means=_means(ready_train),
        identity=_identity(experiment, layout, supplied_train),
        scored_features=digest(supplied) if supplied else None,
        extraction=extraction,
        standing=standing,
        trained=contents_digest(contents[0]) if contents[0] and not generated(experiment) else None,
    )


def _contents(*parts: Sequence[ListedReaction]) -> list[dict[str, str]]:
    """Return the digest of the bytes of each clip, by part and id."""
    return [reaction_contents(part, cache_folder() / "features" / "contents.json") for part in parts]


def _standing(
    experiment: ReactionExperiment,
    layout: HumeReaction,
    whole: Mapping[str, Sequence[ListedReaction]],
    used: tuple[Sequence[ListedReaction], Sequence[ListedReaction]],
    bytes_of: Sequence[Mapping[str, str]],
) -> Standing:
    """Return the standing of the lists, and of the bytes of the clips' pictures and sound; tell the user of it."""
    trained, tested = bytes_of
    known = {**trained, **tested}
    contained = {clip.id: known.get(clip.id, "") for clip in (*used[0], *used[1])}
    contents = contents_digest(contained) if known and not generated(experiment) else None
    lists = {part: reaction_pairs(clips) for part, clips in whole.items()}
    found = {part: {clip.id for clip in clips} for part, clips in whole.items()}
    lost = {part: [id for id in layout.ids(part) if id not in ids] for part, ids in found.items()}
    shared = shared_bytes(trained, tested)
    standing = standing_of(experiment, lists, contents, shared, len(contained), lost, layout.several)
    announce(standing)
    return standing


def _extractions(
    experiment: ReactionExperiment, layout: HumeReaction, clips: Sequence[ListedReaction]
) -> list[tuple[str, Extractor, Mapping[str, Path | None]]]:
    """Return the extractions: faces once, and the features of each part that is not visual.

    Each has a name, an extractor, and the file of every clip, None where the clip has none.
    """
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
    part: BackboneCard, layout: HumeReaction, clips: Sequence[ListedReaction]
) -> tuple[Extractor, Mapping[str, Path | None]]:
    """Return the extractor of a part's features, and the file of every clip.

    Raises:
        UserError: The backbone needs a package that is not installed; or there is no folder of such features.
    """
    identity = frozen_identity(part)
    if part.modality == "features":
        files = FeatureFiles(**part.arguments)
        return ReadyFeatures(files, identity), layout.features(files.name, [clip.id for clip in clips])
    return SoundFeatures(build_audio(part), identity), {clip.id: clip.audio for clip in clips}


def _ready(clip: ListedReaction, backbone: BackboneCard, extracted: Mapping[str, Features]) -> ReadyReaction:
    faces = extracted[FACES].files[clip.id] if FACES in extracted else None
    features = tuple(extracted[part.name].files[clip.id] for part in parts_of(backbone) if not part.sees)
    return ReadyReaction(clip.id, faces, features, clip.targets)


def _statistics(train: Sequence[ReadyReaction], backbone: BackboneCard) -> tuple[Statistics | None, ...]:
    """Return mean and deviation of each part's features; raises UserError where no training clip has any."""
    column = 0
    statistics: list[Statistics | None] = []
    for part in parts_of(backbone):
        if part.sees:
            statistics.append(None)
            continue
        paths = [clip.features[column] for clip in train]
        if not any(paths):
            raise UserError(f"none of the {len(train):,} training clips has the input of {part.name}.")
        statistics.append(Statistics(*column_statistics(read_rows(path) for path in paths if path is not None)))
        column += 1
    return tuple(statistics)


def _means(train: Sequence[ReadyReaction]) -> tuple[float, ...]:
    """Return the mean of each target; raises UserError where a training clip has none."""
    known = [clip.targets for clip in train if clip.targets is not None]
    if len(known) < len(train) or not known:
        raise UserError(f"{len(train) - len(known):,} of the {len(train):,} training clips have no intensities.")
    return tuple(float(mean) for mean in np.mean(known, axis=0))


def _identity(experiment: ReactionExperiment, layout: HumeReaction, supplied: object) -> str:
    """Return the data's digest, with the digests of user-supplied training features."""
    card = experiment.dataset
    known = [card.component, card.generator] if card.generator is not None else [layout.identity()]
    return digest([*known, *([supplied] if supplied else [])])


def _user_feature_digests(
    experiment: ReactionExperiment, extracted: Mapping[str, Features], clips: Sequence[ListedReaction]
) -> dict[str, dict[str, str | None]]:
    """Return the content hashes (file stems) of user-supplied features, by part and clip."""
    features = {
        part.name: extracted[part.name] for part in parts_of(experiment.backbone) if part.modality == "features"
    }
    return {
        name: {clip.id: None if (file := part.files[clip.id]) is None else file.stem for clip in clips}
        for name, part in features.items()
    }
