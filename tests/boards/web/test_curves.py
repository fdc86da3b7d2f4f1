from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.boards.web.curves import BOTTOM, LEFT, MOST, RIGHT, TOP, curves, thinned

figures = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40)


@given(figures)
def test_every_point_lies_in_the_plane(values: list[float]) -> None:
    steps = [{"step": n, "loss": value} for n, value in enumerate(values)]
    ((heading, drawn),) = curves(steps)
    assert heading == "Training loss"
    (line,) = ElementTree.fromstring(drawn).findall("polyline")
    points = [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
    assert len(points) == len(values)
    assert all(LEFT - 0.1 <= x <= RIGHT + 0.1 and TOP - 0.1 <= y <= BOTTOM + 0.1 for x, y in points)


def test_long_trainings_are_shown_as_means() -> None:
    steps, values = thinned(np.arange(100_000.0), np.ones(100_000))
    assert len(steps) == MOST
    assert np.allclose(values, 1)
    assert abs(steps.mean() - 49_999.5) < 100


def test_what_is_not_finite_is_left_out() -> None:
    steps = [{"step": n, "loss": 1.0 if n else float("nan"), "lr": float("nan")} for n in range(5)]
    assert [heading for heading, _ in curves(steps)] == ["Training loss"]
    assert list(curves(steps[:1])) == []
