"""Checking a record against the files it rests on, and the one word that says on what its figures rest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.errors import UserError
from tta_bench.records.arrays import file_of_arrays
from tta_bench.records.attest import check_attestations
from tta_bench.records.differences import Figures, differences, differing_values
from tta_bench.records.files import AnyOutcomes, AnyPredictions, fetched_folder, outcomes_in, predictions_in
from tta_bench.records.intensities import Truth
from tta_bench.records.official import Comparison, Listed, compare_with_official, has_official_list
from tta_bench.records.overlap import FOLDER, overlap_problems
from tta_bench.records.plausible import implausible
from tta_bench.records.predictions import name_hashes
from tta_bench.records.schema import FileRef, Record
from tta_bench.records.score import outcomes_of
from tta_bench.records.signatures import NO_KEYGEN
from tta_bench.records.status import is_ranked
from tta_bench.records.store import file_stem
from tta_bench.utils.files import sha256_of

Rests = Literal["arithmetic", "rescored", "retested", "rerun"]
"""The support of a figure: outcomes that the submitter wrote, full predictions with official labels, the test phase run
again by somebody, or the training too."""
Word = Literal["arithmetic", "rescored", "retested", "rerun", "FAILED"]
"""The same, and that it does not stand."""
MAINTAINERS = "maintainers"
"""File beside the folder of records, of the keys that may attest."""
_NOTHING = "neither predictions nor outcomes can be read: nothing was recomputed"


class Standing(NamedTuple):
    """Standing of a record."""

    word: Word | None
    """The one word; None for a record without a figure."""
    reason: str
    """Files that figures were recomputed from, and the reason why the word is no stronger."""
    problems: tuple[str, ...] = ()
    """Everything that does not hold."""
    by: tuple[str, ...] = ()
    """Signers of the attestations that the word rests on."""
    own: bool = False
    """All of them are of the party that measured it."""
    unchecked: bool = False
    """Attestations were not checked, as there is no ``ssh-keygen``."""


class Verdict(NamedTuple):
    """Result of checking a record."""

    source: Literal["predictions", "outcomes", "nothing"]
    """Files that its figures were recomputed from."""
    problems: list[str]
    """Every difference, in words, and every figure that was not recomputed; empty if the record is confirmed."""


class Kept(NamedTuple):
    """Contents of the files that a record names, with labels."""

    predictions: AnyPredictions | None
    outcomes: AnyOutcomes | None
    problems: list[str]
    """Files that cannot be read, or are not the recorded ones."""


def standing_of(record: Record, folder: Path, kept: Kept | None = None) -> Word | None:
    """Return the word of a record, from the files that lie in its folder; None for one without a figure.

    Boards ask this of a thousand records, so figures are recomputed without their intervals, which boards make anew.

    Args:
        record: The record.
        folder: Folder of its predictions and outcomes.
        kept: Their contents, where they have been read.
    """
    maintainers = folder.parent / MAINTAINERS
    return judge(record, folder, maintainers=maintainers, figures=differing_values, kept=kept).word


def may_rank(record: Record, word: Word | None) -> bool:
    """Return True if a record's word is enough for a rank.

    Rows rank from ``rescored`` on, where labels are known to everybody; where they are not (reactions, whose labels are
    private, and data of plug-ins), from ``retested`` on. What is not standard has no rank among others; on boards of
    one's own data what their owner wrote is enough.
    """
    if word is None or word == "FAILED":
        return False
    identity = record.identity
    if not identity.standard:
        return True
    if identity.tier == "full" and not has_official_list(identity.dataset.name):
        return word in ("retested", "rerun")
    return word != "arithmetic"


def judge(
    record: Record,
    folder: Path,
    *,
    elsewhere: Path | None = None,
    truth: Truth | None = None,
    listed: Listed | None = None,
    maintainers: Path | None = None,
    figures: Figures | None = None,
    kept: Kept | None = None,
) -> Standing:
    """Return the standing of a record: what its files give, and the attestations beside it.

    Args:
        record: The record.
        folder: Folder of its predictions, outcomes and attestations.
        elsewhere: Folder of predictions that do not lie there.
        truth: Labels of its split, where these may not be published.
        listed: Class and group of each test clip, from the dataset's own folder, where no list of it is official.
        maintainers: File of the keys that may attest.
        figures: Figures that are recomputed: all of the record's, with their intervals, by default.
        kept: Contents of its files, where they have been read.
    """
    standing = judge_files(record, folder, elsewhere=elsewhere, truth=truth, listed=listed, figures=figures, kept=kept)
    if standing.word is None:
        return standing
    attested = check_attestations(record, folder / f"{file_stem(record)}.json", maintainers)
    if problems := (*standing.problems, *attested.problems):
        return Standing("FAILED", standing.reason, problems)
    if attested.unchecked:
        return standing._replace(reason=f"{standing.reason}; signatures not checked: {NO_KEYGEN}", unchecked=True)
    if attested.word is None:
        return standing
    mark = " (its own record)" if attested.own else ""
    said = f"{standing.reason}; {attested.word} by {', '.join(attested.by)}{mark}"
    return Standing(attested.word, said, by=attested.by, own=attested.own)


def judge_files(
    record: Record,
    folder: Path,
    *,
    elsewhere: Path | None = None,
    truth: Truth | None = None,
    listed: Listed | None = None,
    figures: Figures | None = None,
    kept: Kept | None = None,
) -> Standing:
    """Recompute a record and compare its samples with the official ones, whoever attested it; arguments as `judge`."""
    if record.status != "success" or not is_ranked(record):
        return Standing(None, "there is no figure to recompute")
    kept = kept or read_kept(record, folder, elsewhere, truth)
    source, problems = recomputed(record, kept, truth, figures)
    compared = Comparison(False, [], "the full predictions are not here")
    if kept.predictions is not None:
        compared = compare_with_official(record, kept.predictions, truth, listed)
    elif record.verifiable_with and truth is None:
        compared = Comparison(False, [], f"labels are private: {record.verifiable_with}= recomputes it")
    how = f"recomputed from {source}" if source != "nothing" else "nothing was recomputed"
    overlap = overlap_problems(record.overlap, record.n_scored, _keys(kept), (folder.parent / FOLDER, folder / FOLDER))
    if found := (*problems, *implausible(record), *compared.problems, *overlap):
        return Standing("FAILED", how, found)
    if not compared.official:
        return Standing("arithmetic", f"{how}; {compared.reason}")
    return Standing("rescored", f"{how}, with the official labels")


def verify_record(record: Record, folder: Path, elsewhere: Path | None = None, truth: Truth | None = None) -> Verdict:
    """Recompute every figure of a record and list the differences.

    Predictions are used if they are there, else outcomes. Where both are, the outcomes must follow from the
    predictions. A record whose labels may not be published is recomputed with them, or not at all, which is no problem
    of its own. A score that a plug-in registers is recomputed only if the plug-in is loaded: nothing is imported here.

    Args:
        record: A record; one that is no success has nothing to recompute, nor has a pre-training's.
        folder: The folder of its predictions and outcomes.
        elsewhere: Folder of predictions that are too large to lie beside their records.
        truth: Labels of its split, where it has none itself.
    """
    if record.status != "success" or not is_ranked(record):
        return Verdict("nothing", [])
    return recomputed(record, read_kept(record, folder, elsewhere, truth), truth)


def recomputed(record: Record, kept: Kept, truth: Truth | None = None, figures: Figures | None = None) -> Verdict:
    """Return the verdict on a record, given the contents of its files."""
    predictions, stored, problems = kept.predictions, kept.outcomes, [*kept.problems]
    predicted = outcomes_of(record, predictions) if predictions is not None else None
    outcomes = predicted or stored
    if outcomes is None:
        without = [] if record.verifiable_with and not truth else [_NOTHING]
        return Verdict("nothing", [*problems, *without])
    if predicted and stored and not _equal(predicted, stored):
        problems.append("outcomes: they do not follow from the predictions")
    problems.extend((figures or differences)(record, outcomes, predictions))
    return Verdict("predictions" if predicted else "outcomes", problems)


def read_kept(record: Record, folder: Path, elsewhere: Path | None = None, truth: Truth | None = None) -> Kept:
    """Return a record's predictions and outcomes, as far as they are there and have labels.

    Args:
        record: The record.
        folder: Folder of its files.
        elsewhere: Folder of predictions that do not lie there; by default that of published ones that were fetched.
        truth: Labels of its split, where it has none itself.
    """
    problems: list[str] = []
    predictions: AnyPredictions | None = None
    outcomes: AnyOutcomes | None = None
    for ref, content in ((record.predictions, "predictions"), (record.outcomes, "outcomes")):
        if ref is None:
            continue
        file = _home(ref, folder, elsewhere) / ref.name
        try:
            data = file_of_arrays(file)
        except FileNotFoundError:
            continue
        except ValueError as error:
            problems.append(f"{file} holds no {content}: {error}.")
            continue
        if hashlib.sha256(data).hexdigest() != ref.sha256:
            problems.append(f"{content}: {_changed(ref)}")
            continue
        try:
            if content == "predictions":
                predictions = predictions_in(data, file).with_truth(truth)
            else:
                outcomes = outcomes_in(data, file)
        except UserError as error:
            problems.append(error.message)
    return Kept(predictions, outcomes, problems)


def _keys(kept: Kept) -> NDArray[np.uint64] | None:
    """Return the hashes of the names of a record's samples, where a file of them is at hand."""
    if kept.predictions is not None:
        return name_hashes(kept.predictions.ids)
    return None if kept.outcomes is None else kept.outcomes.keys


def _home(ref: FileRef, folder: Path, elsewhere: Path | None) -> Path:
    """Return the folder of a file: its record's, else the given one, else that of fetched files."""
    if (folder / ref.name).exists():
        return folder
    fetched = fetched_folder()
    is_fetched = ref.address is not None and (fetched / ref.name).exists() and file_problem(ref, fetched) is None
    return elsewhere or (fetched if is_fetched else folder)


def file_problem(ref: FileRef | None, folder: Path) -> str | None:
    """Return the problem of a file that a record names, in words; None for a file that is right or not there."""
    if ref is None or not (folder / ref.name).exists():
        return None
    if sha256_of(folder / ref.name) == ref.sha256:
        return None
    return _changed(ref)


def _changed(ref: FileRef) -> str:
    return f"{ref.name} is not the file that was recorded: its sha256 differs"


def _equal(a: AnyOutcomes, b: AnyOutcomes) -> bool:
    def fields_equal(name: str) -> bool:
        left, right = getattr(a, name), getattr(b, name)
        return (left is None) == (right is None) and np.array_equal(left, right)

    return type(a) is type(b) and all(fields_equal(name) for name in a.__dataclass_fields__)
