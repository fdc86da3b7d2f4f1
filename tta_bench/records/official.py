"""Official labels of a record's samples: of the embedded samples from their generators, of UCF101 and HMDB51 by digest.

Labels that a submitter wrote prove nothing. These are known to everybody: each id of UCF101 and HMDB51 carries its
class, and the digest of a split's whole list tells that no clip is missing, added or of another class.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tta_bench.cards.catalog import dataset_card
from tta_bench.cards.kinds import DatasetCard
from tta_bench.data.datasets.hmdb51 import TEST, film_title
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.data.synthetic import hmdb51, hume_reaction, ucf101
from tta_bench.errors import UserError, shorten
from tta_bench.records.files import AnyPredictions
from tta_bench.records.intensities import Intensities, Truth
from tta_bench.records.predictions import Predictions
from tta_bench.records.schema import Record
from tta_bench.utils.keyed_random import digest

Listed = Mapping[str, tuple[str, str]]
"""Class and group of each test clip, by id."""
TEST_LISTS = {
    ("ucf101", "1"): (3783, "4c70da2bcce037c675c6c3360835d9cd900e4801833431cbf00e63c8f53e81ea"),
    ("ucf101", "2"): (3734, "e9a3521f693c6c459675d4676100eb3442c68353cbd599cc4feb7ecf8b2f8769"),
    ("ucf101", "3"): (3696, "85976f05151925c7aacb85c5222c4ef0e91cb141ed43db90bbef6c2793c34af0"),
    ("hmdb51", "1"): (1530, "97c6de9824c74c70eca47f6d4bd91361f4badb800509762ebded53503fb5f3ac"),
    ("hmdb51", "2"): (1530, "c372bbac441d1c1add877284ae13960570d6edf4587569f47c185ccb621f889f"),
    ("hmdb51", "3"): (1530, "376128cd9909394d26a6e68aca011307f2e78ee72d23e2d8c3233b73b0fab541"),
}
"""Count of clips, and `list_digest`, of the official test lists, by dataset and split."""


class Comparison(NamedTuple):
    """Result of comparing predictions with the official list."""

    official: bool
    """Every sample, label and group is the official one."""
    problems: list[str]
    """Samples whose label or group is another than the official one."""
    reason: str
    """The reason why labels could not be compared, or are of another list; empty where they are official."""


def list_digest(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the digest of a list of (id, class), whatever its order."""
    return digest(sorted(map(list, pairs)))


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
    try:
        card = dataset_card(record.identity.dataset.name)
    except UserError:
        return Comparison(False, [], f"no card tells the labels of {record.identity.dataset.name}")
    if (card.generator is not None) != (record.identity.tier == "sample"):
        return Comparison(False, [f"tier: {card.name} is not of the {record.identity.tier} tier"], "")
    if isinstance(predictions, Intensities):
        known = truth or _sample_reactions(card, record.identity.split)
        return _compare_intensities(predictions, known, card)
    return _compare_classes(predictions, card, record.identity.split, listed)


def _compare_classes(predictions: Predictions, card: DatasetCard, split: str, listed: Listed | None) -> Comparison:
    names = [predictions.classes[label] for label in predictions.labels.tolist()]
    given = {
        key: (name, group)
        for key, name, group in zip(predictions.ids.tolist(), names, predictions.groups.tolist(), strict=True)
    }
    official = (card.name, split) in TEST_LISTS
    listed = sample_list(card, split) or (None if official else listed)
    if listed is not None:
        problems = [*_labels_differ(given, listed), *_reversed_differ(predictions, names, card)]
        reason = "" if given.keys() == listed.keys() else _other_list(card, split, len(given), len(listed))
        return Comparison(not problems and not reason, problems, reason)
    if not official:
        return Comparison(False, [], f"no list of {card.name} is official: data.root=DIR has its labels")
    count, sha256 = TEST_LISTS[card.name, split]
    problems = _strange(given, _GROUPS[card.name])
    same = list_digest((key, name) for key, (name, _) in given.items()) == sha256
    return Comparison(same and not problems, problems, "" if same else _other_list(card, split, len(given), count))


def sample_list(card: DatasetCard, split: str) -> dict[str, tuple[str, str]] | None:
    """Return class and group of each test clip of an embedded sample; None for another dataset."""
    if card.generator is None or card.component not in ("UCF101", "HMDB51"):
        return None
    settings = ucf101.read_settings(card.generator)
    ours = card.component == "UCF101"
    listed: dict[str, tuple[str, str]] = {}
    for name in ucf101.CLASSES:
        for group in range(1, settings.groups + 1):
            if ours and group > settings.test_groups:
                continue
            if not ours and (not split.isdigit() or hmdb51.flag(int(split), name, group, settings) != TEST):
                continue
            for clip in range(1, settings.clips + 1):
                stem = (ucf101 if ours else hmdb51).clip_name(name, group, clip).removesuffix(".avi")
                listed[stem] = (name, _GROUPS["ucf101" if ours else "hmdb51"](stem, name))
    return listed


def _sample_reactions(card: DatasetCard, part: str) -> Truth | None:
    """Return the labels of a part of the embedded sample of reactions; None for another dataset."""
    if card.generator is None or card.component != "HumeReaction":
        return None
    plan = hume_reaction.plan(hume_reaction.read_reaction_settings(card.generator))
    clips = [clip for clip in plan if clip.part == part]
    return Truth(
        EMOTIONS,
        {clip.id: clip.targets for clip in clips},
        {clip.id: clip.subject for clip in clips},
    )


def _compare_intensities(predictions: Intensities, truth: Truth | None, card: DatasetCard) -> Comparison:
    if truth is None:
        return Comparison(False, [], f"the labels of {card.name} are private: they need data.root=DIR")
    if predictions.emotions != tuple(truth.emotions):
        return Comparison(False, ["emotions: they are not those of the labels"], "")
    ids = predictions.ids.tolist()
    if set(ids) != set(truth.targets):
        return Comparison(False, [], f"{len(ids):,} samples, and the labels have {len(truth.targets):,}, or other ids")
    expected = np.array([truth.targets[name] for name in ids], np.float32)
    problems = []
    if predictions.targets is not None and not np.array_equal(predictions.targets, expected):
        wrong = (predictions.targets != expected).any(axis=1)
        problems.append(f"labels: {int(wrong.sum()):,} samples have others than the dataset, as {ids[wrong.argmax()]}")
    if predictions.groups is not None and truth.groups is not None:
        others = [
            name for name, group in zip(ids, predictions.groups.tolist(), strict=True) if truth.groups[name] != group
        ]
        problems += [f"groups: {len(others):,} samples have another subject: {shorten(others)}"] if others else []
    return Comparison(not problems, problems, "")


def _labels_differ(given: Mapping[str, tuple[str, str]], listed: Mapping[str, tuple[str, str]]) -> list[str]:
    problems = []
    for place, noun in ((0, "class"), (1, "group")):
        wrong = sorted(key for key in given if key in listed and given[key][place] != listed[key][place])
        if wrong:
            problems.append(
                f"labels: {len(wrong):,} samples have another {noun} than the official one: {shorten(wrong)}"
            )
    return problems


def _strange(given: Mapping[str, tuple[str, str]], group_of: Callable[[str, str], str]) -> list[str]:
    """Return the samples whose id carries another class or group than theirs."""
    problems = []
    wrong, grouped = [], []
    for key, (name, group) in given.items():
        try:
            expected = group_of(key, name)
        except UserError:
            wrong.append(key)
            continue
        if group != expected:
            grouped.append(key)
    for names, noun in ((wrong, "class"), (grouped, "group")):
        if names:
            problems.append(f"labels: {len(names):,} samples have another {noun} than their id: {shorten(names)}")
    return problems


def _reversed_differ(predictions: Predictions, names: list[str], card: DatasetCard) -> list[str]:
    if predictions.reversed_labels is None or card.reversed_class is None:
        return []
    given = [predictions.classes[label] for label in predictions.reversed_labels.tolist()]
    return [] if given == [card.reversed_class[name] for name in names] else ["reversed_labels: they are not official"]


def _other_list(card: DatasetCard, split: str, given: int, count: int) -> str:
    return f"not the official test list of {card.name}, split {split}: {given:,} clips, and that has {count:,}"


def _ucf101_group(key: str, name: str) -> str:
    """Return the group of a class's clip of UCF101; raises UserError if its id carries another class.

    Capitals are not compared: the clips of HandstandPushups are called ``v_HandStandPushups_...``.
    """
    match = re.fullmatch(r"v_(.+)_(g\d+)_c\d+", key)
    if match is None or match[1].casefold() != name.casefold():
        raise UserError(f"{key} is not of the class {name}.")
    return f"{name}_{match[2]}"


_GROUPS: dict[str, Callable[[str, str], Any]] = {"ucf101": _ucf101_group, "hmdb51": film_title}
