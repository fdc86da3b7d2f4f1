"""The training and test clips of a split, for frozen backbones: all of the training list, or a few shots of it."""

from __future__ import annotations

from pathlib import Path

from tta_bench.data.datasets.open import dataset_root, limited, open_dataset
from tta_bench.data.datasets.shots import few_shots
from tta_bench.errors import UserError
from tta_bench.experiments.probe import FrozenExperiment
from tta_bench.protocols.base.readable import check_readable, exclude_broken, generated_identity
from tta_bench.protocols.fine_tune.split import WHOLE, SplitClips, standing_of_split


def open_frozen_split(experiment: FrozenExperiment, work_dir: Path, workers: int) -> SplitClips:
    """Return the clips of an experiment's split after decoding each of them (remembered in the work folder).

    Shots are drawn from the official training list, so one of them that cannot be read is an error, not left out.

    Raises:
        UserError: Something of the layout is missing, a test clip cannot be read, fewer than two classes have training
            clips, or one has fewer than the shots.
    """
    card, shots = experiment.dataset, experiment.train.shots
    root = dataset_root(card, experiment.root)
    dataset = open_dataset(card, root)
    if not hasattr(dataset, "split"):
        raise UserError(f"{card.name} has no classes, which {experiment.protocol.name} is about.")
    split = dataset.split(experiment.split)
    train, test = (limited(part, experiment.limit) for part in (split.train, split.test))
    if shots is not None:
        train = few_shots(train, dataset.classes, shots, card.name, experiment.split, experiment.seed)
    manifest = check_readable([*train, *test], card.name, root, work_dir, workers)
    exclude_broken(test, manifest, "test clips", allowed=0.0, hint=WHOLE)
    allowed = 1.0 if shots is None else 0.0
    excluded = exclude_broken(
        train, manifest, "training clips", allowed=allowed, hint="Restore them, or leave out shots."
    )
    kept = tuple(sample for sample in train if sample.id not in excluded)
    if len({sample.label for sample in kept}) < 2:
        raise UserError(
            f"the {len(kept):,} training clips are of fewer than two classes: there is nothing to tell apart."
        )
    return SplitClips(
        root=root,
        classes=tuple(dataset.classes),
        train=kept,
        test=tuple(test),
        lengths=manifest.frames,
        excluded=excluded,
        identity=generated_identity(experiment) or manifest.identity([*train, *test]),
        standing=standing_of_split(experiment, dataset, manifest, train, test),
        manifest=manifest,
    )
