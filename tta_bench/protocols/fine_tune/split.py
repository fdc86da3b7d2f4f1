"""The training and test clips of a split, each decoded once before anything is spent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tta_bench.data.datasets.layout import Sample
from tta_bench.data.datasets.official import class_pairs
from tta_bench.data.datasets.open import dataset_root, limited, open_dataset
from tta_bench.data.media.local_copies import cache_line, copy_all, manifest_of_copies, read_from, wanted_copies
from tta_bench.data.media.manifest import Manifest
from tta_bench.engine.world import World
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.protocols.base.readable import check_readable, exclude_broken, generated, generated_identity
from tta_bench.protocols.base.standing import UNKNOWN, Standing, announce, data_key, shared_bytes, standing_of
from tta_bench.utils.keyed_random import generator

WHOLE = "A split is scored from all of its test clips or not at all, so these files must be restored."
"""Way out where test clips cannot be read."""


@dataclass(frozen=True)
class SplitClips:
    """The clips of one split, each decoded once."""

    root: Path
    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    """Training clips that can be read."""
    test: tuple[Sample, ...]
    lengths: Mapping[str, int]
    """Frame count of each readable clip, by id."""
    excluded: Mapping[str, str]
    """Unreadable training clips, by id, with the decoder's reason."""
    identity: str
    """Digest of ids, labels, groups and counted frames; of the generator's parameters for an embedded sample."""
    standing: Standing = UNKNOWN
    """The lists and the clips' bytes beside the official ones."""
    manifest: Manifest | None = None
    """State of the clips when they were decoded."""

    @property
    def key(self) -> str:
        """Identity of the data that a training depends on: with the clips' bytes, but for an embedded sample."""
        return data_key(self.identity, self.standing)

    def copied(self, folder: Path | None, world: World) -> SplitClips:
        """Return the clips read from copies in a folder, which are made now; as they are without one.

        Raises:
            UserError: See `copy_all`.
        """
        manifest = self.manifest
        if folder is None or manifest is None:
            return self
        clips = [*self.train, *self.test]
        copies = world.from_first(lambda: copy_all(wanted_copies(clips, manifest, folder)))
        train, test = (read_from(part, copies) for part in (self.train, self.test))
        return replace(self, train=train, test=test, manifest=manifest_of_copies(manifest, copies))

    def cache_line(self, folder: Path | None) -> dict[str, str]:
        """Return the plan's line on copies; none without a folder for them."""
        if folder is None or self.manifest is None:
            return {}
        clips = [*self.train, *self.test]
        return cache_line(wanted_copies(clips, self.manifest, folder), len(clips), folder)

    def require_unchanged(self) -> None:
        """Check that every clip is what it was when it was decoded; raises UserError naming those that are not."""
        if self.manifest is not None:
            self.manifest.require_unchanged([*self.train, *self.test])


def open_split(experiment: FineTuneExperiment, work_dir: Path, workers: int) -> SplitClips:
    """Return the clips of an experiment's split after decoding each of them (remembered in the work folder).

    Raises:
        UserError: Something of the layout is missing, or a test clip cannot be read, which makes the split unscorable.
    """
    root = dataset_root(experiment.dataset, experiment.root)
    dataset = open_dataset(experiment.dataset, root)
    if not hasattr(dataset, "split"):
        raise UserError(f"{experiment.dataset.name} has no classes, which {experiment.protocol.name} is about.")
    split = dataset.split(experiment.split)
    train, test = (limited(part, experiment.limit) for part in (split.train, split.test))
    train = balanced(train, experiment.train.clips)
    manifest = check_readable([*train, *test], experiment.dataset.name, root, work_dir, workers)
    exclude_broken(test, manifest, "test clips", allowed=0.0, hint=WHOLE)
    excluded = exclude_broken(train, manifest, "training clips")
    standing = standing_of_split(experiment, dataset, manifest, train, test)
    return SplitClips(
        root=root,
        classes=tuple(dataset.classes),
        train=tuple(sample for sample in train if sample.id not in excluded),
        test=tuple(test),
        lengths=manifest.frames,
        excluded=excluded,
        identity=generated_identity(experiment) or manifest.identity([*train, *test]),
        standing=standing,
        manifest=manifest,
    )


def standing_of_split(
    experiment: Experiment, dataset: Any, manifest: Manifest, train: Sequence[Sample], test: Sequence[Sample]
) -> Standing:
    """Return the standing of an experiment's split beside the official lists, and tell the user.

    Args:
        experiment: The experiment.
        dataset: Its dataset, of which the whole lists are compared.
        manifest: State of the clips.
        train: Training clips that are used.
        test: Test clips that are used.
    """
    split = dataset.split(experiment.split)
    lists = {side: class_pairs(split.there(side), dataset.classes) for side in ("train", "test")}
    lost = {side: [sample.id for sample in samples] for side, samples in split.lost.items()}
    contents = None if generated(experiment) else manifest.contents_identity(clip.id for clip in [*train, *test])
    trained, tested = (manifest.contents_of(clip.id for clip in part) for part in (train, test))
    shared = shared_bytes(trained, tested)
    standing = standing_of(experiment, lists, contents, shared, len(train) + len(test), lost, split.several)
    announce(standing)
    return standing


def balanced(samples: Sequence[Sample], count: int | None) -> Sequence[Sample]:
    """Return ``count`` samples, equally many of each class, by a fixed draw; a smaller part lies in a larger one.

    Raises:
        UserError: There are fewer samples than that.
    """
    if count is None:
        return samples
    if count > len(samples):
        raise UserError(f"train.clips={count:,} is more than the {len(samples):,} clips of the training list.")
    turns: dict[int, int] = defaultdict(int)
    taken: list[tuple[int, int]] = []
    for index in generator("balanced").permutation(len(samples)):
        label = samples[index].label
        taken.append((turns[label], int(index)))  # the first of every class go before the second of any
        turns[label] += 1
    order = sorted(taken, key=lambda turn: turn[0])
    return [samples[index] for index in sorted(index for _, index in order[:count])]
