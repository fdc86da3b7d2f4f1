from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.config.overrides import known_keys, parse, section, with_overrides
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import TrainSettings


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("train.lr=1e-3", 1e-3),
        ("seed=0,1,2", [0, 1, 2]),
        ("split=2", [2]),
        ("backbone=007", "007"),
        ("data.root=~/a b", "~/a b"),
        ("train.epochs=null", None),
        ("runtime.compile=true", True),
    ],
)
def test_values_are_scalars_and_names_stay_text(word: str, value: object) -> None:
    assert parse([word]) == {word.partition("=")[0]: value}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["protocol"], "'protocol' is not key=value"),
        (["trian.lr=1"], "Did you mean 'train.lr'"),
        (["seed=1", "seed=2"], "seed"),
    ],
)
def test_wrong_words_are_named(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(words)


@given(
    st.dictionaries(
        st.sampled_from(["train.lr", "train.augment.flip", "train.augment.area", "eval.crops"]), st.integers()
    )
)
def test_a_section_holds_its_own_keys_nested(given: dict[str, int]) -> None:
    nested = section(given, "train")
    flat = {f"train.{k}": v for k, v in nested.items() if k != "augment"}
    flat |= {f"train.augment.{k}": v for k, v in nested.get("augment", {}).items()}
    assert flat == {key: value for key, value in given.items() if key.startswith("train.")}


def test_epochs_take_the_place_of_a_recipes_steps() -> None:
    base = TrainSettings(batch=8, lr=0.1, steps=50)
    assert with_overrides(base, {"train.epochs": 3}, "train")["steps"] is None
    assert with_overrides(base, {"train.lr": 1}, "train")["steps"] == 50
    given = {"train.epochs": 3, "train.steps": 9}
    assert with_overrides(base, given, "train")["steps"] == 9


def test_keys_of_all_protocols_are_known_once() -> None:
    keys = known_keys()
    assert len(keys) == len(set(keys))
    assert {"protocol", "train.augment.flip", "study.sizes", "runtime.workers", "data.root"} <= set(keys)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("study.sizes=128", [128]),
        ("train.scales=1.0", [1.0]),
        ("seed=3", [3]),
        ("train.lr=1e-3", 1e-3),
        ("backbone=123", "123"),
        ("data.root=1", "1"),
        ("study.then=1", "1"),
        ("train.augment.rand_augment=null", None),
    ],
)
def test_a_value_is_read_as_the_type_of_its_key_asks(word: str, value: object) -> None:
    assert list(parse([word]).values()) == [value]
