from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, ValidationError

from tta_bench.cards.validation import Strict, explain, optional_since_v1, validate, validate_keys
from tta_bench.errors import UserError


class Inner(Strict):
    mode: Literal["fast", "slow"] = "fast"


class Outer(Strict):
    size: int = Field(gt=0)
    inner: Inner = Inner()
    later: int | None = optional_since_v1(gt=0)


def test_models_are_frozen_and_refuse_strangers() -> None:
    outer = Outer(size=3)
    with pytest.raises(ValidationError, match="frozen"):
        outer.size = 4  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Outer(size=3, sise=4)  # type: ignore[call-arg]


def test_a_field_that_came_later_is_dumped_only_where_it_is_set() -> None:
    assert Outer(size=3).model_dump() == {"size": 3, "inner": {"mode": "fast"}}
    assert Outer(size=3, later=2).model_dump()["later"] == 2
    with pytest.raises(ValidationError, match="greater than 0"):
        Outer(size=3, later=0)


def test_each_wrong_field_of_a_card_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text("size: -1\ninner:\n  mode: quick\n")
    with pytest.raises(UserError) as error:
        validate(Outer, {"size": -1, "inner": {"mode": "quick"}}, path)
    lines = error.value.message.splitlines()
    assert lines[0].startswith(f"{path}: line 1, size: must be above 0 (found -1)")
    assert lines[1].startswith("line 3, inner.mode: ")


def test_without_a_file_there_is_no_line() -> None:
    with pytest.raises(ValidationError) as error:
        Outer(size="many")
    assert explain(error.value).startswith("size: a whole number was expected")


def test_a_wrong_value_of_a_key_gets_the_nearest() -> None:
    assert validate_keys(Outer, {"size": 3}).size == 3
    with pytest.raises(UserError, match=r"^eval\.mode=fats: (?s:.*)Did you mean 'fast'\?"):
        validate_keys(Inner, {"mode": "fats"}, "eval.")
