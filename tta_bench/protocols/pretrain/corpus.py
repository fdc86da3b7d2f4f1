"""A pre-training's corpus: which clips it sees, looked at before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tta_bench.cards.kinds import DatasetCard
from tta_bench.data.datasets.corpus import Clip, Corpus, nested_subset
from tta_bench.data.datasets.open import dataset_root, open_dataset
from tta_bench.data.media.manifest import Manifest, check_clips, manifest_file
from tta_bench.errors import UserError, shorten
from tta_bench.experiments.pretrain import PretrainExperiment
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.progress import console


@dataclass(frozen=True)
class CorpusClips:
    """The clips of a corpus that are trained on, every one of them decoded once."""

    clips: tuple[Clip, ...]
    """Those that can be read."""
    lengths: Mapping[str, int]
    """Counted frames by id."""
    excluded: Mapping[str, str]
    """Clips left out, with the decoder's reason."""
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
    manifest = check_clips(clips, manifest_file(work_dir, card.name, root), max(1, workers))
    _check_broken(manifest, len(clips), train.broken)
    whole = card.generator is not None and experiment.limit is None
    return CorpusClips(
        clips=tuple(clip for clip in clips if clip.id not in manifest.broken),
        lengths=manifest.frames,
        excluded=manifest.broken,
        identity=digest([card.component, card.generator]) if whole else manifest.corpus_identity(clips),
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


def _check_broken(manifest: Manifest, clips: int, allowed: float) -> None:
    """Say how many clips cannot be read.

    Raises:
        UserError: Their share is larger than the recipe allows.
    """
    broken = manifest.broken
    if not broken:
        return
    named = shorten([f"{name} ({reason})" for name, reason in broken.items()])
    found = f"{len(broken):,} of {clips:,} clips cannot be read ({len(broken) / clips:.1%})"
    if len(broken) > allowed * clips:
        raise UserError(
            f"{found}, and train.broken allows {allowed:.1%}: {named}.",
            "`tta-bench data verify` lists them all. Restore them, or raise train.broken.",
        )
    console.print(f"{found} and are left out: {named}", style="yellow", markup=False)
