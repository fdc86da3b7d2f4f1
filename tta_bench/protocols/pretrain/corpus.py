"""The clips of a pre-training corpus, each decoded once before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tta_bench.cards.kinds import DatasetCard
from tta_bench.data.datasets.corpus import Clip, Corpus, nested_subset
from tta_bench.data.datasets.official import corpus_pairs
from tta_bench.data.datasets.open import dataset_root, open_dataset
from tta_bench.data.media.local_copies import cache_line, copy_all, manifest_of_copies, read_from, wanted_copies
from tta_bench.data.media.manifest import Manifest
from tta_bench.data.media.reencode import prepared_settings
from tta_bench.engine.world import World
from tta_bench.errors import UserError
from tta_bench.experiments.pretrain import PretrainExperiment
from tta_bench.protocols.base.readable import check_readable, exclude_broken, generated, generated_identity
from tta_bench.protocols.base.standing import UNKNOWN, Standing, announce, data_key, standing_of
from tta_bench.utils.keyed_random import digest

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
    """Digest of ids, hashtags and counted frames, and of how the videos were prepared, if they were; of the generator's
    parameters for an embedded sample."""
    standing: Standing = UNKNOWN
    """The list and the clips' bytes beside the official ones."""
    manifest: Manifest | None = None
    """State of the clips when they were decoded."""

    @property
    def key(self) -> str:
        """Identity of the data that a training depends on: with the clips' bytes, but for an embedded sample."""
        return data_key(self.identity, self.standing)

    def copied(self, folder: Path | None, world: World) -> CorpusClips:
        """Return the clips read from copies in a folder, which are made now; as they are without one.

        Raises:
            UserError: See `copy_all`.
        """
        manifest = self.manifest
        if folder is None or manifest is None:
            return self
        copies = world.from_first(lambda: copy_all(wanted_copies([*self.clips], manifest, folder)))
        return replace(self, clips=read_from(self.clips, copies), manifest=manifest_of_copies(manifest, copies))

    def cache_line(self, folder: Path | None) -> dict[str, str]:
        """Return the plan's line on copies; none without a folder for them."""
        if folder is None or self.manifest is None:
            return {}
        clips = [*self.clips]
        return cache_line(wanted_copies(clips, self.manifest, folder), len(clips), folder)

    def require_unchanged(self) -> None:
        """Check that every clip is what it was when it was decoded; raises UserError naming those that are not."""
        if self.manifest is not None:
            self.manifest.require_unchanged(self.clips)


def open_corpus(experiment: PretrainExperiment, work_dir: Path, workers: int) -> CorpusClips:
    """Return the clips of an experiment's corpus after decoding each of them (remembered in the work folder).

    Raises:
        UserError: The dataset is no corpus, has fewer clips than were asked for, or too many that cannot be read.
    """
    card, train = experiment.dataset, experiment.train
    root = dataset_root(card, experiment.root)
    corpus = open_clips(card, root)
    clips, there = corpus.clips(), [clip for clip in corpus.listing if clip.path.exists()]
    lists = {"train": corpus_pairs(there)}
    lost = {"train": sorted({clip.id for clip in clips} - {clip.id for clip in there})}
    for count in (experiment.limit and min(experiment.limit, len(clips)), train.clips):
        clips = clips if count is None else nested_subset(clips, count)
    manifest = check_readable(clips, card.name, root, work_dir, workers)
    rule = f", and train.broken allows {train.broken:.1%}"
    excluded = exclude_broken(clips, manifest, "clips", allowed=train.broken, rule=rule, hint=RESTORE)
    contents = None if generated(experiment) else manifest.contents_identity(clip.id for clip in clips)
    standing = standing_of(experiment, lists, contents, clips=len(clips), lost=lost)
    announce(standing)
    return CorpusClips(
        clips=tuple(clip for clip in clips if clip.id not in excluded),
        lengths=manifest.frames,
        excluded=excluded,
        identity=generated_identity(experiment) or _identity(manifest.corpus_identity(clips), prepared_settings(root)),
        standing=standing,
        manifest=manifest,
    )


def _identity(listed: str, prepared: str | None) -> str:
    """Return the identity of a corpus: that of its list, and how its videos were written again, if they were."""
    return listed if prepared is None else digest({"corpus": listed, "prepared": prepared})


def all_clips(card: DatasetCard, root: Path) -> list[Clip]:
    """Return every clip of a corpus as it is listed, once; raises UserError as `open_clips` does."""
    return open_clips(card, root).clips()


def open_clips(card: DatasetCard, root: Path) -> Corpus:
    """Return a corpus.

    Raises:
        UserError: The dataset is no corpus.
    """
    dataset = open_dataset(card, root)
    if not isinstance(dataset, Corpus):
        raise UserError(
            f"{card.name} is no corpus to pre-train on.",
            "Name one made for it, or a folder of videos with the dataset 'videos'.",
        )
    return dataset
