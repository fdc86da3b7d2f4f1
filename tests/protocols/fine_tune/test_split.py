from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.config.resolve import resolve
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.datasets.open import limited
from tta_bench.errors import UserError
from tta_bench.protocols.base.recorder import safe_name, without_root
from tta_bench.protocols.fine_tune.report import reversed_labels
from tta_bench.protocols.fine_tune.split import open_split

SAMPLES = [Sample(str(n), Path(str(n)), n % 3, str(n)) for n in range(40)]


@given(st.integers(1, 60), st.integers(0, 40))
def test_a_limit_keeps_that_many_in_order_and_more_of_the_same(limit: int, count: int) -> None:
    kept = limited(SAMPLES[:count], limit)
    assert len(kept) == min(limit, count)
    assert [SAMPLES.index(sample) for sample in kept] == sorted(SAMPLES.index(sample) for sample in kept)
    assert set(kept) <= set(limited(SAMPLES[:count], limit + 1))


def test_the_embedded_sample_is_complete_and_its_groups_are_apart(tmp_path: Path) -> None:
    (experiment,) = resolve(["protocol=ucf101_ft", "eval.control=reversed"])
    lists = open_split(experiment, tmp_path, workers=1)
    assert (len(lists.train), len(lists.test), len(lists.classes)) == (144, 96, 8)
    assert not {sample.group for sample in lists.train} & {sample.group for sample in lists.test}
    assert set(lists.lengths.values()) == {48}
    labels = reversed_labels(experiment, lists)
    assert labels is not None
    assert all(label != sample.label for label, sample in zip(labels, lists.test, strict=True))
    assert lists.classes[lists.test[0].label], lists.classes[labels[0]]


def test_a_part_of_the_data_has_another_identity(tmp_path: Path) -> None:
    whole, part = (open_split(resolve(["protocol=ucf101_ft", *words])[0], tmp_path, 1) for words in ((), ("limit=50",)))
    assert whole.identity != part.identity
    assert (len(part.train), len(part.test)) == (50, 50)


def test_a_short_training_list_has_every_class_and_lies_in_a_longer_one(tmp_path: Path) -> None:
    few, more = (
        open_split(resolve(["protocol=ucf101_ft", f"train.clips={count}"])[0], tmp_path, 1) for count in (12, 32)
    )
    assert (len(few.train), len(more.train), len(few.test)) == (12, 32, 96)
    assert set(few.train) < set(more.train)
    assert {sample.label for sample in few.train} == set(range(8))
    assert sorted(sum(sample.label == label for sample in more.train) for label in range(8)) == [4] * 8
    with pytest.raises(UserError, match="is more than the 144 clips"):
        open_split(resolve(["protocol=ucf101_ft", "train.clips=145"])[0], tmp_path, 1)


def test_any_file_name_can_stand_in_a_record() -> None:
    assert [safe_name(name) for name in ("best.pth", "my weights (2).pth", "..", "é")] == [
        "best.pth",
        "my-weights--2-.pth",
        "unnamed",
        "unnamed",
    ]


def test_no_path_of_the_machine_gets_into_a_record() -> None:
    words = ["data.root=/home/me/ucf", "data.roots.ucf101=~/x", "weights=/home/me/best.pth", "seed=1", "weights=none"]
    cleaned = ["data.root=<data.root>", "data.roots.ucf101=<data.root>", "weights=best.pth", "seed=1", "weights=none"]
    assert [without_root(word) for word in words] == cleaned


def test_a_dataset_of_intensities_has_no_lists_of_classes(tmp_path: Path) -> None:
    (experiment,) = resolve(["protocol=ucf101_ft", "dataset=hume_reaction_sample"])
    with pytest.raises(UserError, match="hume_reaction_sample has no classes"):
        open_split(experiment, tmp_path, workers=1)  # type: ignore[arg-type]
