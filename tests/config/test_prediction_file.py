from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.config.prediction_file import resolve_scores
from tta_bench.errors import UserError


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    path = tmp_path / "my team.csv"
    path.touch()
    return path


def test_a_file_is_scored_on_the_sample_unless_data_are_named(scores: Path, tmp_path: Path) -> None:
    asked = resolve_scores(["protocol=ucf101_ft", f"predictions={scores}"])
    assert (asked.tier, asked.dataset.name, asked.root) == ("sample", "ucf101_sample", None)
    assert (asked.name, asked.split, asked.part, asked.seed) == ("my-team", 1, None, 0)
    assert asked.standard
    asked = resolve_scores(["protocol=ucf101_ft", f"predictions={scores}", f"data.root={tmp_path}", "split=3"])
    assert (asked.tier, asked.dataset.name, asked.split) == ("full", "ucf101", 3)


def test_labels_of_ones_own_make_it_no_standard(scores: Path) -> None:
    asked = resolve_scores(["protocol=ucf101_ft", f"predictions={scores}", f"labels={scores}", "backbone=mine"])
    assert (asked.tier, asked.dataset.name, asked.name) == ("full", "ucf101", "mine")
    assert not asked.standard


def test_a_protocol_with_parts_scores_one(scores: Path) -> None:
    assert resolve_scores(["protocol=abaw_eri", f"predictions={scores}"]).part == "val"
    asked = resolve_scores(["protocol=abaw_eri", f"predictions={scores}", "eval.split=test"])
    assert (asked.part, asked.standard) == ("test", False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predictions=FILE"], "no protocol named"),
        (["protocol=ucf101_ft"], "no predictions named"),
        (["protocol=ucf101_ft", "predictions=gone.csv"], "there is no file gone.csv"),
        (["protocol=ucf101_ft", "predictions=FILE", "split=9"], "has no split 9"),
        (["protocol=ucf101_ft", "predictions=FILE", "seed=1,2"], "one seed, and seed=1,2 was asked for"),
        (["protocol=ucf101_ft", "predictions=FILE", "eval.split=val"], "unknown key 'eval.split'"),
        (["protocol=abaw_eri", "predictions=FILE", "eval.split=vall"], "Did you mean 'val'"),
    ],
)
def test_a_mistake_is_named(scores: Path, words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolve_scores([word.replace("FILE", str(scores)) for word in words])
