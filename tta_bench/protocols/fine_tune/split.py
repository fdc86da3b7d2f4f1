"""The training and test clips of a split, each decoded once before anything is spent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tta_bench.data.datasets.layout import Sample
from tta_bench.data.datasets.open import dataset_root, limited, open_dataset
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.protocols.base.readable import check_readable, exclude_broken, generated_identity
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
    return SplitClips(
        root=root,
        classes=tuple(dataset.classes),
        train=tuple(sample for sample in train if sample.id not in excluded),
        test=tuple(test),
        lengths=manifest.frames,
        excluded=excluded,
        identity=generated_identity(experiment) or manifest.identity([*train, *test]),
    )


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
