"""Scoring a file of intensities from elsewhere, and the labels of records published without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tta_bench.cards.catalog import dataset_card
from tta_bench.cards.kinds import DatasetCard
from tta_bench.config.prediction_file import OutsideScores
from tta_bench.config.resolve import data_root
from tta_bench.data.datasets.hume_reaction import EMOTIONS, PARTS, ListedReaction
from tta_bench.data.datasets.listed_ids import ids_as_listed
from tta_bench.data.datasets.open import open_dataset
from tta_bench.errors import UserError, shorten
from tta_bench.protocols.base.file_record import check_ids, write_scored
from tta_bench.protocols.base.standing import UNKNOWN, standing_of
from tta_bench.protocols.reaction.challenge_files import LabelForm, known_subjects, read_outputs, read_truth
from tta_bench.records.intensities import Intensities, Truth, collect_intensities
from tta_bench.records.schema import Record
from tta_bench.records.score import Results, keep_results, keep_without_labels
from tta_bench.records.status import now


def score_reaction_file(asked: OutsideScores, work_dir: Path) -> Record:
    """Score a challenge file and write its record and outputs into ``<work_dir>/records``.

    Labels and subjects are written for an embedded sample only; those of a real dataset may not be published.

    Raises:
        UserError: Clips are missing, repeated or unknown, columns differ, values are no numbers, or labels lie outside
            [0, 1]; counts and names them, and nothing is written.
    """
    created = now()
    assert asked.part is not None
    truth = (
        read_truth(asked.labels, label_form(asked.dataset), asked.part)
        if asked.labels
        else truth_of_dataset(asked.dataset, asked.root, asked.part)
    )
    outputs = read_outputs(asked.predictions, truth.emotions)
    ids = ids_as_listed(outputs.ids, truth.targets)
    check_ids(ids, truth.targets)
    predictions = collect_intensities(ids, outputs.values, truth)
    if asked.labels:
        keep = partial(keep_without_labels, predictions, "labels", ranked_by=asked.protocol.score)
    else:
        keep = partial(keep_reactions, predictions, asked.dataset, ranked_by=asked.protocol.score)
    standing = (
        UNKNOWN
        if asked.labels
        else standing_of(asked, {asked.part: [(id, tuple(intensities)) for id, intensities in truth.targets.items()]})
    )
    return write_scored(asked, {"scores": "an intensity for each emotion"}, keep, created, work_dir, standing)


def keep_reactions(
    predictions: Intensities, dataset: DatasetCard, folder: Path, stem: str, *, ranked_by: str
) -> Results:
    """Score predictions and write them without labels and subjects, which are published of embedded samples only.

    Args:
        predictions: Outputs with their labels.
        dataset: Card of their dataset.
        folder: Folder for the files.
        stem: Name of the record.
        ranked_by: Name of the protocol's metric.
    """
    if dataset.generator is not None:
        return keep_results(predictions, folder, stem, ranked_by=ranked_by)
    return keep_without_labels(predictions, "data.root", folder, stem, ranked_by=ranked_by)


def truth_of_dataset(dataset: DatasetCard, root: Path | None, part: str) -> Truth:
    """Return the labels of a part of a dataset from its tables; no clip is looked for.

    Raises:
        UserError: The tables are inconsistent, or the labels of this part are not published.
    """
    layout = open_dataset(dataset, root)
    return truth_of_reactions(tuple(layout.targets), layout.listed(part), f"the part {part} of {dataset.name}")


def truth_of_reactions(emotions: tuple[str, ...], reactions: Sequence[ListedReaction], name: str) -> Truth:
    """Return the labels of reactions, with their subjects where all are known.

    Args:
        emotions: Names of the targets.
        reactions: The clips of a part.
        name: Name of the part, for errors.

    Raises:
        UserError: There are none, or some have no labels.
    """
    hidden = [reaction.id for reaction in reactions if reaction.targets is None]
    if hidden or not reactions:
        number = f"{len(hidden):,} of {len(reactions):,} clips: {shorten(hidden)}" if hidden else "it has no clips"
        raise UserError(
            f"{name} has no labels ({number}), so it cannot be scored.",
            "Its organisers score a file of it; with their labels, say labels=FILE.",
        )
    return Truth(
        emotions,
        {reaction.id: reaction.targets for reaction in reactions if reaction.targets is not None},
        known_subjects({reaction.id: reaction.group for reaction in reactions}),
    )


def label_form(dataset: DatasetCard) -> LabelForm:
    """Return the form of a dataset's files of labels, from its card's arguments."""
    given = {name: dataset.arguments[name] for name in ("subject", "optional") if name in dataset.arguments}
    emotions, parts = (dataset.arguments.get(name, usual) for name, usual in (("targets", EMOTIONS), ("parts", PARTS)))
    return LabelForm(tuple(emotions), parts, **{"optional": ("Age", "Country"), **given})


def truth_of_record(record: Record, given: Mapping[str, str]) -> Truth | None:
    """Return the labels that a record was published without; None if neither the user nor the configuration has them.

    Args:
        record: A record that is verifiable with labels.
        given: ``data.root``, the dataset's folder, or ``labels``, a file of labels; by default the configured folder.
    """
    dataset, part = dataset_card(record.identity.dataset.name), record.identity.split
    if "labels" in given:
        return read_truth(Path(given["labels"]).expanduser(), label_form(dataset), part)
    root = given.get("data.root") or data_root(dataset.name, {})
    if root is None or (record.verifiable_with == "labels" and "data.root" not in given):
        return None
    return truth_of_dataset(dataset, Path(root).expanduser(), part)
