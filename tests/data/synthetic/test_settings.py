from __future__ import annotations

from dataclasses import dataclass

import pytest

from tta_bench.data.synthetic.settings import fill
from tta_bench.errors import UserError


@dataclass(frozen=True)
class Numbers:
    version: int = 3
    count: int = 5
    noise: float = 0.5


def test_given_values_take_the_place_of_defaults() -> None:
    assert fill(Numbers, {}, 3, "numbers") == Numbers()
    assert fill(Numbers, {"noise": 1, "version": 3}, 3, "numbers") == Numbers(noise=1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cuont": 1}, r"unknown setting of the numbers 'cuont'\.\nDid you mean 'count'"),
        ({"count": 1.5}, r"the numbers' count must be a whole number, not 1\.5"),
        ({"noise": "1"}, "the numbers' noise must be a number, not '1'"),
        ({"noise": True}, "the numbers' noise must be a number, not True"),
        ({"version": 2}, "numbers of version 2 are wanted, but this program makes 3"),
    ],
)
def test_wrong_values_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        fill(Numbers, values, 3, "numbers")
