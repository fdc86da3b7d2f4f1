"""An experiment's lists: which clips are trained on and tested on, looked at before anything is spent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tta_bench.data.datasets.layout import Sample
from tta_bench.data.datasets.open import dataset_root, limited, open_dataset
from tta_bench.data.media.manifest import check_clips, manifest_file
from tta_bench.errors import UserError, shorten
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.utils.keyed_random import digest, generator
from tta_bench.utils.progress import console


@dataclass(frozen=True)
class SplitClips:
    """The clips of one split, every one of them decoded once."""

    root: Path
    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    """Training clips that can be read."""
    test: tuple[Sample, ...]
    lengths: Mapping[str, int]
    """Counted frames by id."""
    excluded: Mapping[str, str]
    """Training clips left out, with the decoder's reason."""
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
    manifest = check_clips([*train, *test], manifest_file(work_dir, experiment.dataset.name, root), max(1, workers))
    unreadable = {sample.id: manifest.broken[sample.id] for sample in test if sample.id in manifest.broken}
    if unreadable:
        named = shorten([f"{name} ({reason})" for name, reason in unreadable.items()])
        raise UserError(
            f"{len(unreadable):,} of the {len(test):,} test clips cannot be read: {named}.",
            "A split is scored from all of its test clips or not at all, so these files must be restored.",
        )
    excluded = {sample.id: manifest.broken[sample.id] for sample in train if sample.id in manifest.broken}
    if excluded:
        clips = "clip cannot be read and is" if len(excluded) == 1 else "clips cannot be read and are"
        named = shorten([f"{name} ({reason})" for name, reason in excluded.items()])
        console.print(f"{len(excluded):,} training {clips} left out: {named}", style="yellow", markup=False)
    return SplitClips(
        root=root,
        classes=tuple(dataset.classes),
        train=tuple(sample for sample in train if sample.id not in excluded),
        test=tuple(test),
        lengths=manifest.frames,
        excluded=excluded,
        identity=digest([experiment.dataset.component, experiment.dataset.generator])
        if experiment.dataset.generator is not None and experiment.limit is None
        else manifest.identity([*train, *test]),
    )


def balanced(samples: Sequence[Sample], count: int | None) -> Sequence[Sample]:
    """Return ``count`` samples, as many of each class as there are, by a fixed draw; a smaller count is contained.

    Raises:
        UserError: There are fewer samples than that.
    """
    if count is None:
        return samples
    if count > len(samples):
        raise UserError(f"train.clips={count:,} is more than the {len(samples):,} clips of the training list.")
    turns: dict[int, int] = defaultdict(int)
    taken: list[tuple[int, int]] = []
    for place in generator("balanced").permutation(len(samples)):
        label = samples[place].label
        taken.append((turns[label], int(place)))  # the first of every class go before the second of any
        turns[label] += 1
    order = sorted(taken, key=lambda turn: turn[0])
    return [samples[place] for place in sorted(place for _, place in order[:count])]
