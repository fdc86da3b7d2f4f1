from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from tta_bench.cards.kinds import BackboneCard
from tta_bench.cards.validation import Strict, explain, validate
from tta_bench.cards.wording import EXPECTED, found, in_words, known_beside, place
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import FineTuneCard, TrainSettings
from tta_bench.experiments.pretrain import PretrainSettings
from tta_bench.experiments.reaction import ReactionSettings

ENGLISH = ("Input should", "Field required", "Extra inputs", "String should", "Value error", "Tuple should")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


class Small(Strict):
    size: int = Field(gt=0, le=9)
    share: float | None = None
    mode: Literal["fast", "slow"] = "fast"
    either: int | Literal["auto"] = "auto"
    names: tuple[str, ...] = ()
    code: str = Field(default="a", pattern="^a")


@pytest.mark.parametrize(
    "model", [Small, BackboneCard, TrainSettings, PretrainSettings, ReactionSettings, FineTuneCard]
)
@given(data=st.data())
def test_pydantics_english_never_leaks(model: type[BaseModel], data: st.DataObject) -> None:
    values = data.draw(st.dictionaries(st.sampled_from([*model.model_fields, "sise"]), VALUES, max_size=6))
    try:
        validate(model, values, "card")
    except UserError as error:
        assert not [text for text in ENGLISH if text in error.message]  # noqa: PT017 - both endings are right
        assert len(error.message) < 1500  # noqa: PT017


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "size: is missing"),
        ({"size": "many"}, "size: a whole number was expected (found 'many')"),
        ({"size": 1.5}, "size: a whole number was expected (found 1.5)"),
        ({"size": 10}, "size: must be 9 or less (found 10)"),
        ({"size": 1, "share": float("nan")}, "share: a finite number was expected (found nan)"),
        ({"size": 1, "mode": "fats"}, "mode: not one of its values: fast or slow (found 'fats')"),
        ({"size": 1, "either": "x"}, "either: a whole number was expected (found 'x')"),
        ({"size": 1, "names": 3}, "names: a list was expected (found 3)"),
        ({"size": 1, "code": "b"}, "code: must have the form ^a (found 'b')"),
        ({"size": 1, "sise": 2}, "sise: unknown key. Did you mean 'size'?"),
        ({"size": True}, "size: a number was expected, and true or false was found"),
        ({"size": 10**400}, "size: must be 9 or less (found a number of more than 30 digits)"),
    ],
)
def test_each_error_has_its_words(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as error:
        validate(Small, values, "card")
    assert said in error.value.message


def test_an_error_that_has_no_words_is_none_of_pydantics() -> None:
    assert in_words({"type": "never_heard_of", "msg": "Input should be nicer"}) == "is not what is taken here"
    assert not [text for text in EXPECTED.values() if any(english in text for english in ENGLISH)]


def test_what_was_found_is_short() -> None:
    assert found("x\x1b[31m\n") == r"'x\x1b[31m\n'"
    assert len(found("y" * 1000)) < 110
    assert found(list(range(100))) == "100 values"


def test_the_place_is_the_datas_and_not_a_types() -> None:
    with pytest.raises(ValidationError) as error:
        Small.model_validate({"size": 1, "either": "x"})
    problem = error.value.errors()[0]
    assert problem["loc"] == ("either", "int")
    assert place(problem, {"size": 1, "either": "x"}) == ("either",)
    assert explain(error.value).startswith("either.int: ")
    assert known_beside(Small, ("sise",)) == "size"
