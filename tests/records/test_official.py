from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.records.some_intensities import reaction_identity, some_intensities
from tests.records.some_records import some_identity, some_record
from tta_bench.cards.catalog import dataset_card
from tta_bench.data.datasets.hmdb51 import film_title
from tta_bench.records.identity import DatasetRef
from tta_bench.records.official import TEST_LISTS, compare_with_official, list_digest, sample_list
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


def sample_pairs(name: str) -> Pairs:
    listed = sample_list(dataset_card(name), "1")
    assert listed is not None
    return [(key, of_class) for key, (of_class, _) in listed.items()]


@pytest.mark.parametrize(("dataset", "split"), [("ucf101", 1), ("ucf101", 3), ("hmdb51", 2)])
def test_the_official_list_is_known_by_its_digest(shared: Path, dataset: str, split: int) -> None:
    pairs = official_pairs(shared, dataset, split)
    assert (len(pairs), list_digest(reversed(pairs))) == TEST_LISTS[dataset, str(split)]
    predictions = predictions_of(pairs, dataset)
    assert compare_with_official(record_of(dataset, split), predictions) == (True, [], "")
    fewer = compare_with_official(record_of(dataset, split), predictions_of(pairs[1:], dataset))
    assert (fewer.official, fewer.problems) == (False, [])
    assert f"{len(pairs) - 1:,} clips, and that has {len(pairs):,}" in fewer.reason


@pytest.mark.parametrize("dataset", ["ucf101_sample", "hmdb51_sample"])
def test_the_samples_lists_come_from_their_generators(dataset: str) -> None:
    predictions = predictions_of(sample_pairs(dataset), dataset)
    record = record_of(dataset, tier="sample")
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
    assert "another class than their id" in compare_with_official(record_of(dataset), wrong).problems[0]


def test_intensities_are_compared_with_the_samples_plan_or_with_given_labels() -> None:
    from tests.records.some_intensities import some_truth

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
    assert "no list of folder is official" in compare_with_official(record, own).reason
    groups = dict(zip(own.ids.tolist(), own.groups.tolist(), strict=True))
    listed = {key: (name, groups[key]) for key, name in pairs}
    assert compare_with_official(record, own, listed=listed).official
    assert "no card" in compare_with_official(record_of("nobody"), own).reason
