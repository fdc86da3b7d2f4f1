from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tta_bench.records.selection import Curve, Selection

POINT = {"settings": {"lr": 0.1}, "held_out": 0.5, "test": 0.4}
CHOICE = {"chosen": 0, "held_out_clips": 8, "held_out_groups": 2, "at_edge": (), "optimism": 0.0}


def test_a_choice_has_a_point_that_was_chosen() -> None:
    assert Selection.model_validate({"points": (POINT,), **CHOICE}).points[0].test == 0.4
    with pytest.raises(ValidationError, match="points"):
        Selection.model_validate({"points": (), **CHOICE})


@pytest.mark.parametrize("points", [(), ((0, 0.5),), ((10, 1.5),), ((10, -0.1),)])
def test_a_curve_has_shares_after_steps(points: Any) -> None:
    with pytest.raises(ValidationError):
        Curve(protocol="ucf101_knn", dataset="ucf101", split=1, points=points)
