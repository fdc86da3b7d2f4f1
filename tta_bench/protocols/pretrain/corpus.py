"""The clips of a pre-training corpus, each decoded once before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tta_bench.cards.kinds import DatasetCard
from tta_bench.data.datasets.corpus import Clip, Corpus, nested_subset
from tta_bench.data.datasets.open import dataset_root, open_dataset
from tta_bench.errors import UserError
from tta_bench.experiments.pretrain import PretrainExperiment
from tta_bench.protocols.base.readable import check_readable, exclude_broken, generated_identity

RESTORE = "`tta-bench data verify` lists them all. Restore them, or raise train.broken."
"""Way out where too many clips cannot be read."""


@dataclass(frozen=True)
class CorpusClips:
    """The clips of a corpus, each decoded once."""

    clips: tuple[Clip, ...]
    """Readable clips."""
    lengths: Mapping[str, int]
    """Frame count of each readable clip, by id."""
    excluded: Mapping[str, str]
    """Unreadable clips, by id, with the decoder's reason."""
    identity: str
    """Digest of ids, hashtags and counted frames; of the generator's parameters for an embedded sample."""


def open_corpus(experiment: PretrainExperiment, work_dir: Path, workers: int) -> CorpusClips:
    """Return the clips of an experiment's corpus after decoding each of them (remembered in the work folder).

    Raises:
        UserError: The dataset is no corpus, has fewer clips than were asked for, or too many that cannot be read.
    """
    card, train = experiment.dataset, experiment.train
    root = dataset_root(card, experiment.root)
    clips = all_clips(card, root)
    for count in (experiment.limit and min(experiment.limit, len(clips)), train.clips):
        clips = clips if count is None else nested_subset(clips, count)
    manifest = check_readable(clips, card.name, root, work_dir, workers)
    rule = f", and train.broken allows {train.broken:.1%}"
    excluded = exclude_broken(clips, manifest, "clips", allowed=train.broken, rule=rule, hint=RESTORE)
    return CorpusClips(
        clips=tuple(clip for clip in clips if clip.id not in excluded),
        lengths=manifest.frames,
        excluded=excluded,
        identity=generated_identity(experiment) or manifest.corpus_identity(clips),
    )


def all_clips(card: DatasetCard, root: Path) -> list[Clip]:
    """Return every clip of a corpus as it is listed.

    Raises:
        UserError: The dataset is no corpus.
    """
    dataset = open_dataset(card, root)
    if not isinstance(dataset, Corpus):
        raise UserError(
            f"{card.name} is no corpus to pre-train on.",
            "Name one made for it, or a folder of videos with the dataset 'videos'.",
        )
    return dataset.clips()
