from __future__ import annotations

import pytest
from torch import nn

from tests.engine.processes import in_processes
from tta_bench.engine.world import ALONE, current
from tta_bench.errors import UserError
from tta_bench.protocols.base.alike import Alike, compare, require_alike

FIRST = Alike("a", {"torch": "2.14.1", "av": "1"}, "w", 0)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            FIRST._replace(packages={"torch": "2.15.0", "av": "1"}),
            r"rank 1 differs from rank 0 in: torch 2.15.0 \(2.14.1\).",
        ),
        (FIRST._replace(packages={"torch": "2.14.1"}), r"in: av none \(1\)"),
        (FIRST._replace(weights="v"), "rank 1 differs from rank 0 in the weights that training starts from"),
        (FIRST._replace(step=3), "in the weights"),
        (FIRST._replace(training="b"), "in the identity"),
    ],
)
def test_processes_that_differ_are_refused(other: Alike, said: str) -> None:
    compare([FIRST, FIRST])
    with pytest.raises(UserError, match=said):
        compare([FIRST, other])


def compared(differ: bool) -> str:
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, current().rank if differ else 1)
    nn.init.constant_(model.bias, 0)
    try:
        require_alike(current(), "t", model, None)
    except UserError as error:
        return error.message
    return "alike"


def test_weights_are_compared_before_the_first_step() -> None:
    require_alike(ALONE, "t", nn.Linear(1, 1), None)
    assert in_processes(2, compared, False) == ["alike"] * 2
    assert all("weights that training starts from" in said for said in in_processes(2, compared, True))
