from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tta_bench.data.datasets.hmdb51 import HMDB51, LISTS
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.synthetic.cache import sample_root
from tta_bench.data.synthetic.hmdb51 import generate_hmdb51_sample
from tta_bench.data.synthetic.ucf101 import CLASSES, SampleSettings
from tta_bench.errors import UserError

SMALL = {"groups": 7, "clips": 2, "frames": 3, "width": 16, "height": 16}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_root(tmp_path_factory.mktemp("cache"), "hmdb51_sample", "HMDB51", SMALL)


def films(samples: tuple[Sample, ...], label: int) -> set[str]:
    return {sample.group for sample in samples if sample.label == label}


def test_it_is_an_hmdb51_with_three_splits(root: Path) -> None:
    dataset = HMDB51(root)
    assert (dataset.classes, dataset.splits) == (CLASSES, (1, 2, 3))
    for number in dataset.splits:
        split = dataset.split(number)
        assert (len(split.train), len(split.test)) == (8 * 4 * 2, 8 * 2 * 2)
        assert len(set(Counter(sample.label for sample in split.test).values())) == 1
        for label in range(8):
            assert not films(split.train, label) & films(split.test, label)


def test_its_test_lists_overlap_and_some_films_are_trained_on_in_other_classes(root: Path) -> None:
    splits = [HMDB51(root).split(number) for number in (1, 2, 3)]
    tested = [{sample.id for sample in split.test} for split in splits]
    assert all(one & other and one - other for one in tested for other in tested if one is not other)
    for split in splits:
        seen = {sample.group for sample in split.train}
        assert sum(sample.group in seen for sample in split.test) == len(split.test) / 2


def test_its_lists_have_official_form(root: Path) -> None:
    lists = root / LISTS
    assert len(list(lists.iterdir())) == 24
    lines = (lists / "MoveLeft_test_split1.txt").read_text().split("\n")
    assert lines[0] == "Film_01_#2_MoveLeft_f_cm_np1_fr_goo_0.avi 2 "
    assert {line[-2] for line in lines[:-1]} == {"0", "1", "2"}
    assert lines[-1] == ""


def test_too_few_films(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="4 films are too few to test each class on 2: 5 are needed"):
        generate_hmdb51_sample(tmp_path / "sample", SampleSettings(groups=4, test_groups=2))
    assert not (tmp_path / "sample").exists()
