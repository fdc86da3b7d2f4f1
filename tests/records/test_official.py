from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.records.some_intensities import reaction_identity, some_intensities, some_truth
from tests.records.some_records import some_identity, some_record
from tta_bench.cards.catalog import dataset_card
from tta_bench.data.datasets.hmdb51 import TEST, film_title
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.data.synthetic import hmdb51, hume_reaction, ucf101
from tta_bench.records.identity import DatasetRef
from tta_bench.records.intensities import Truth
from tta_bench.records.official import SUBJECTS, TEST_LISTS, compare_with_official, group_of, list_digest
from tta_bench.records.predictions import Predictions, collect
from tta_bench.records.schema import Record
from tta_bench.utils.keyed_random import generator

Pairs = list[tuple[str, str]]


def official_pairs(shared: Path, dataset: str, split: int) -> Pairs:
    """Return (id, class) of an official test list."""
    if dataset == "ucf101":
        lines = (shared / f"ucf101/ucfTrainTestlist/testlist0{split}.txt").read_text().split()
        return [(Path(line).stem, line.split("/")[0]) for line in lines]
    pairs = []
    for file in (shared / "hmdb51/testTrainMulti_7030_splits").glob(f"*_test_split{split}.txt"):
        rows = [line.rsplit(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        pairs += [(Path(clip).stem, file.name.partition("_test_split")[0]) for clip, flag in rows if flag == "2"]
    return pairs


def predictions_of(pairs: Pairs, dataset: str) -> Predictions:
    """Return random scores of a list."""
    classes = sorted({name for _, name in pairs})
    scores = generator("official", len(pairs)).random((len(pairs), len(classes)))
    groups = [
        film_title(key, name) if dataset.startswith("hmdb51") else f"{name}_{key.split('_')[-2]}" for key, name in pairs
    ]
    return collect([key for key, _ in pairs], scores, [classes.index(name) for _, name in pairs], groups, classes)


def record_of(dataset: str, split: int = 1, tier: str = "full") -> Record:
    ref = DatasetRef(name=dataset, manifest_sha256=None, splits=("1",))
    return some_record(identity=some_identity(dataset=ref, split=str(split), tier=tier))


def sample_pairs(dataset: str, split: int = 1) -> Pairs:
    """Return (id, class) of a sample's test list, from its generator."""
    settings = ucf101.read_settings(dataset_card(dataset).generator or {})
    pairs = []
    for name in ucf101.CLASSES:
        for group in range(1, settings.groups + 1):
            ours = dataset == "ucf101_sample"
            tested = group <= settings.test_groups if ours else hmdb51.flag(split, name, group, settings) == TEST
            clip_name = ucf101.clip_name if ours else hmdb51.clip_name
            clips = range(1, settings.clips + 1) if tested else ()
            pairs += [(clip_name(name, group, clip).removesuffix(".avi"), name) for clip in clips]
    return pairs


@pytest.mark.parametrize(("dataset", "split"), [("ucf101", 1), ("ucf101", 3), ("hmdb51", 2)])
def test_the_official_list_is_known_by_its_digest(shared: Path, dataset: str, split: int) -> None:
    pairs = official_pairs(shared, dataset, split)
    assert (len(pairs), list_digest(reversed(pairs))) == TEST_LISTS[dataset, str(split)]
    predictions = predictions_of(pairs, dataset)
    assert compare_with_official(record_of(dataset, split), predictions) == (True, [], "")
    fewer = compare_with_official(record_of(dataset, split), predictions_of(pairs[1:], dataset))
    assert (fewer.official, fewer.problems) == (False, [])
    assert f"{len(pairs) - 1:,} clips, and that has {len(pairs):,}" in fewer.reason


@pytest.mark.parametrize(
    ("dataset", "split"), [("ucf101_sample", 1), ("hmdb51_sample", 1), ("hmdb51_sample", 2), ("hmdb51_sample", 3)]
)
def test_the_samples_lists_are_those_of_their_generators(dataset: str, split: int) -> None:
    pairs = sample_pairs(dataset, split)
    assert (len(pairs), list_digest(pairs)) == TEST_LISTS[dataset, str(split)]
    predictions = predictions_of(pairs, dataset)
    record = record_of(dataset, split, tier="sample")
    assert compare_with_official(record, predictions) == (True, [], "")
    turned = replace(predictions, labels=np.roll(predictions.labels, 1))
    found = compare_with_official(record, turned)
    assert not found.official
    assert "have another class than the official one" in found.problems[0]
    alone = replace(predictions, groups=predictions.ids)
    assert "have another group" in compare_with_official(record, alone).problems[0]
    assert "is not of the full tier" in compare_with_official(record_of(dataset), predictions).problems[0]


@pytest.mark.parametrize(
    ("dataset", "pairs"),
    [
        ("ucf101", [("v_Archery_g01_c01", "Archery"), ("v_Archery_g02_c01", "Biking")]),
        ("hmdb51", [("A_film_run_f_cm_np1_fr_goo_0", "run"), ("A_film_run_f_cm_np1_fr_goo_1", "walk")]),
    ],
)
def test_an_id_carries_its_class(dataset: str, pairs: Pairs) -> None:
    predictions = predictions_of([pairs[0]] * 1 + [(pairs[1][0], pairs[0][1])], dataset)
    wrong = replace(predictions, classes=(pairs[1][1],))
    assert compare_with_official(record_of(dataset), predictions).problems == []
    found = compare_with_official(record_of(dataset), replace(wrong, classes=(pairs[1][1], pairs[0][1])))
    assert "another class than the official one" in found.problems[0]


def test_groups_are_those_of_the_layout() -> None:
    for key, name in sample_pairs("hmdb51_sample"):
        assert group_of("hmdb51_sample", key, name) == film_title(key, name)
    assert group_of("ucf101", "v_HandStandPushups_g01_c04", "HandstandPushups") == "HandstandPushups_g01"
    assert group_of("ucf101", "v_Archery_g01_c04", "Biking") is None
    assert group_of("hmdb51", "A_film_run_f_cm_np1_fr_goo_0", "walk") is None


def test_the_samples_reactions_are_those_of_their_generator() -> None:
    card = dataset_card("hume_reaction_sample")
    plan = hume_reaction.plan(hume_reaction.read_reaction_settings(card.generator or {}))
    clips = [clip for clip in plan if clip.part == "val"]
    place = ("hume_reaction_sample", "val")
    assert TEST_LISTS[place] == (len(clips), list_digest((clip.id, list(clip.targets)) for clip in clips))
    assert SUBJECTS[place] == list_digest((clip.id, clip.subject) for clip in clips)
    truth = Truth(EMOTIONS, {clip.id: clip.targets for clip in clips}, {clip.id: clip.subject for clip in clips})
    ref = DatasetRef(name=card.name, manifest_sha256=None, splits=("val",))
    record = some_record(identity=reaction_identity(dataset=ref, tier="sample"))
    predictions = some_intensities(truth=truth)
    assert compare_with_official(record, predictions).official
    assert predictions.targets is not None
    invented = replace(predictions, targets=predictions.targets[::-1])
    assert "labels: they are not those" in compare_with_official(record, invented).problems[0]
    alone = replace(predictions, groups=predictions.ids)
    assert "subjects: they are not those" in compare_with_official(record, alone).problems[0]


def test_intensities_are_compared_with_given_labels() -> None:
    record = some_record(identity=reaction_identity())
    predictions = some_intensities()
    without = compare_with_official(record, predictions)
    assert (without.official, "private" in without.reason) == (False, True)
    assert compare_with_official(record, predictions, some_truth()).official
    assert predictions.targets is not None
    invented = replace(predictions, targets=1 - predictions.targets)
    assert "96 samples have others" in compare_with_official(record, invented, some_truth()).problems[0]


def test_data_of_ones_own_have_no_official_list() -> None:
    pairs = [("a_x_1", "x"), ("b_y_1", "y")]
    own = predictions_of(pairs, "hmdb51")
    record = record_of("folder")
    assert "no list of folder, split 1, is official" in compare_with_official(record, own).reason
    groups = dict(zip(own.ids.tolist(), own.groups.tolist(), strict=True))
    listed = {key: (name, groups[key]) for key, name in pairs}
    assert compare_with_official(record, own, listed=listed).official
    assert "no card" in compare_with_official(record_of("nobody"), own).reason
