"""Official labels of a record's samples, known by the digest of each split's list.

Labels that a submitter wrote prove nothing. Those of UCF101, HMDB51 and the embedded samples are known to everybody: a
clip's id carries its class and its group, and the digest of the whole list tells that no clip is missing, added, or of
another class. Nothing here reads a dataset or makes a sample, so that it needs few packages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tta_bench.cards.catalog import dataset_card
from tta_bench.cards.kinds import DatasetCard
from tta_bench.errors import UserError, shorten
from tta_bench.records.files import AnyPredictions
from tta_bench.records.intensities import Intensities, Truth
from tta_bench.records.predictions import Predictions
from tta_bench.records.schema import Record
from tta_bench.utils.keyed_random import canonical_json, digest

Listed = Mapping[str, tuple[str, str]]
"""Class and group of each test clip, by id."""
TEST_LISTS = {
    ("ucf101", "1"): (3783, "4c70da2bcce037c675c6c3360835d9cd900e4801833431cbf00e63c8f53e81ea"),
    ("ucf101", "2"): (3734, "e9a3521f693c6c459675d4676100eb3442c68353cbd599cc4feb7ecf8b2f8769"),
    ("ucf101", "3"): (3696, "85976f05151925c7aacb85c5222c4ef0e91cb141ed43db90bbef6c2793c34af0"),
    ("hmdb51", "1"): (1530, "97c6de9824c74c70eca47f6d4bd91361f4badb800509762ebded53503fb5f3ac"),
    ("hmdb51", "2"): (1530, "c372bbac441d1c1add877284ae13960570d6edf4587569f47c185ccb621f889f"),
    ("hmdb51", "3"): (1530, "376128cd9909394d26a6e68aca011307f2e78ee72d23e2d8c3233b73b0fab541"),
    ("ucf101_sample", "1"): (96, "7c99d6cff3871cbabf8c3b549a5ed3f827b54a949f762424732658cb2b236a70"),
    ("hmdb51_sample", "1"): (64, "e7182cee1182955142234a89f9db032f74c614024dd328b7870074d5d1ffee3e"),
    ("hmdb51_sample", "2"): (64, "896e94dcd917fd7cfd3fff9b02befde637857f97310242286d2c58d3b617f526"),
    ("hmdb51_sample", "3"): (64, "a113dcf056cb0566a99d934e4d9a0394936aee3069c7fcf16df950f54a6bbdba"),
    ("hume_reaction_sample", "val"): (40, "aa78512116797dda2b3ee706ae9e214bd780fb7cc4cc1341c3d9e78a0cea7eff"),
}
"""Count of samples, and digest of their (id, label), of the lists that everybody knows, by dataset and split."""
SUBJECTS = {("hume_reaction_sample", "val"): "b2f73d4d0cd4d824bddc90dabfb6feb45e7b8240a2c8b7bcd04d66d6f4c6682f"}
"""Digest of the (id, subject) of those whose ids do not carry them."""


class Comparison(NamedTuple):
    """Result of comparing predictions with the official list."""

    official: bool
    """Every sample, label and group is the official one."""
    problems: Sequence[str] = ()
    """Samples whose label or group is another than the official one."""
    reason: str = ""
    """The reason why labels could not be compared, or are of another list; empty where they are official."""


def list_digest(pairs: Iterable[tuple[str, object]]) -> str:
    """Return the digest of a list of (id, label), whatever its order."""
    return digest(sorted(([key, label] for key, label in pairs), key=canonical_json))


def has_official_list(dataset: str) -> bool:
    """Return True for a dataset whose test lists everybody knows."""
    return any(name == dataset for name, _ in TEST_LISTS)


def compare_with_official(
    record: Record, predictions: AnyPredictions, truth: Truth | None = None, listed: Listed | None = None
) -> Comparison:
    """Compare the samples of predictions with the official ones.

    Args:
        record: Their record.
        predictions: With labels.
        truth: Labels of the split from the dataset itself, where these may not be published.
        listed: Clips of the split from the dataset itself, where no list of it is official.
    """
    name, split = record.identity.dataset.name, record.identity.split
    try:
        card = dataset_card(name)
    except UserError:
        return Comparison(False, reason=f"no card tells the labels of {name}")
    if (card.generator is not None) != (record.identity.tier == "sample"):
        return Comparison(False, [f"tier: {name} is not of the {record.identity.tier} tier"])
    if isinstance(predictions, Intensities):
        return _compare_intensities(predictions, (name, split), truth)
    return _compare_classes(predictions, card, split, listed)


def group_of(dataset: str, key: str, name: str) -> str | None:
    """Return the group that an id carries; None if it is not an id of that class.

    Capitals are not compared in UCF101: the clips of HandstandPushups are called ``v_HandStandPushups_...``.

    Args:
        dataset: Name of the dataset's card.
        key: The id.
        name: The class.
    """
    if dataset.startswith("hmdb51"):
        title, separator, _ = key.rpartition(f"_{name}_")
        return title if separator else None
    match = re.fullmatch(r"v_(.+)_(g\d+)_c\d+", key)
    return f"{name}_{match[2]}" if match and match[1].casefold() == name.casefold() else None


def _compare_classes(predictions: Predictions, card: DatasetCard, split: str, listed: Listed | None) -> Comparison:
    names = [predictions.classes[label] for label in predictions.labels.tolist()]
    keys, groups = predictions.ids.tolist(), predictions.groups.tolist()
    given = {key: (name, group) for key, name, group in zip(keys, names, groups, strict=True)}
    known = TEST_LISTS.get((card.name, split))
    if known is None and listed is None:
        return Comparison(False, reason=f"no list of {card.name}, split {split}, is official: say data.root=DIR")
    if known is not None:
        expected = {key: _carried(card.name, key, name, predictions.classes) for key, (name, _) in given.items()}
        count, same = known[0], list_digest(zip(keys, names, strict=True)) == known[1]
    else:
        assert listed is not None
        expected = {key: listed.get(key) for key in keys}
        count, same = len(listed), given.keys() == listed.keys()
    problems = [*_labels_differ(given, expected), *_reversed_differ(predictions, names, card)]
    reason = "" if same or problems else _other_list(card.name, split, len(given), count)
    return Comparison(same and not problems, problems, reason)


def _compare_intensities(predictions: Intensities, place: tuple[str, str], truth: Truth | None) -> Comparison:
    known, keys = TEST_LISTS.get(place), predictions.ids.tolist()
    if known is None and truth is None:
        return Comparison(False, reason=f"the labels of {place[0]} are private: say data.root=DIR")
    if truth is not None:
        return _compare_with_truth(predictions, truth)
    assert known is not None
    targets, subjects = predictions.targets, predictions.groups
    assert targets is not None
    if len(keys) != known[0]:
        return Comparison(False, reason=_other_list(*place, len(keys), known[0]))
    rounded = [[round(value, 6) for value in row] for row in targets.astype(np.float64).tolist()]
    wrong = [] if list_digest(zip(keys, rounded, strict=True)) == known[1] else ["labels"]
    if subjects is not None and list_digest(zip(keys, subjects.tolist(), strict=True)) != SUBJECTS.get(place):
        wrong.append("subjects")
    return Comparison(not wrong, [f"{noun}: they are not those of {place[0]}, {place[1]}" for noun in wrong])


def _compare_with_truth(predictions: Intensities, truth: Truth) -> Comparison:
    """Compare intensities with the labels of the dataset itself."""
    keys = predictions.ids.tolist()
    if predictions.emotions != tuple(truth.emotions) or not set(keys) <= set(truth.targets):
        return Comparison(False, [f"labels: {len(keys):,} samples, and the dataset has {len(truth.targets):,}"])
    expected = np.array([truth.targets[name] for name in keys], np.float32)
    problems = []
    if predictions.targets is not None and not np.array_equal(predictions.targets, expected):
        wrong = [keys[row] for row in np.flatnonzero((predictions.targets != expected).any(axis=1))]
        problems.append(f"labels: {len(wrong):,} samples have others than in the dataset: {shorten(wrong)}")
    if predictions.groups is not None and truth.groups is not None:
        pairs = zip(keys, predictions.groups.tolist(), strict=True)
        others = [name for name, group in pairs if truth.groups[name] != group]
        problems += [f"groups: {len(others):,} samples have another subject: {shorten(others)}"] if others else []
    if not problems and len(keys) < len(truth.targets):
        return Comparison(False, reason=f"{len(keys):,} of the {len(truth.targets):,} samples of the dataset")
    return Comparison(not problems, problems)


def _carried(dataset: str, key: str, name: str, classes: Sequence[str]) -> tuple[str, str] | None:
    """Return the class and group that an id carries, its own class first; None if it carries none of the classes."""
    for candidate in (name, *classes):
        if (group := group_of(dataset, key, candidate)) is not None:
            return candidate, group
    return None


def _labels_differ(given: Listed, expected: Mapping[str, tuple[str, str] | None]) -> list[str]:
    """Return the samples with another class or group than expected, in words."""
    differ: dict[str, list[str]] = {"class": [], "group": []}
    for key, found in given.items():
        if (official := expected[key]) is not None and official != found:
            differ["class" if official[0] != found[0] else "group"].append(key)
    return [
        f"labels: {len(keys):,} samples have another {noun} than the official one: {shorten(sorted(keys))}"
        for noun, keys in differ.items()
        if keys
    ]


def _reversed_differ(predictions: Predictions, names: list[str], card: DatasetCard) -> list[str]:
    if predictions.reversed_labels is None or card.reversed_class is None:
        return []
    given = [predictions.classes[label] for label in predictions.reversed_labels.tolist()]
    same = given == [card.reversed_class.get(name) for name in names]
    return [] if same else [f"reversed_labels: they are not those of {card.name}"]


def _other_list(dataset: str, split: str, given: int, count: int) -> str:
    return f"not the official test list of {dataset}, split {split}: {given:,} clips, and that has {count:,}"
