from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tta_bench.boards.web.labels import Box, dot_at, leader, places, width_of

PLANE = Box(52, 24, 480, 270)
dots = st.tuples(st.floats(52, 460), st.floats(24, 270))
named = st.tuples(st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=18), dots)


def placed(points: list[tuple[str, tuple[float, float]]]) -> list[Box | None]:
    bars = [Box(x - 1, y - 30, x + 1, y + 30) for _, (x, y) in points]
    return places([name for name, _ in points], [dot for _, dot in points], bars, PLANE)


@given(st.lists(named, max_size=40))
def test_no_name_covers_another_or_a_dot_or_leaves_the_plane(points: list[tuple[str, tuple[float, float]]]) -> None:
    found = [box for box in placed(points) if box is not None]
    assert not any(one.meets(other) for one, other in combinations(found, 2))
    assert not any(box.meets(dot_at(*dot)) for box in found for _, dot in points)
    assert all(PLANE.holds(box) for box in found)


@given(st.lists(named, max_size=8))
def test_every_name_of_a_few_points_has_room(points: list[tuple[str, tuple[float, float]]]) -> None:
    assert None not in placed(points)


def test_a_full_plane_says_which_names_have_no_room() -> None:
    found = placed([("a name of 18 signs", (200.0, 100.0))] * 60)
    assert 0 < found.count(None) < 40


def test_a_name_stands_beside_a_dot_that_is_alone() -> None:
    [box] = placed([("net", (100.0, 100.0))])
    assert box == Box(108, 93.5, 108 + width_of("net"), 106.5)
    assert leader(box, 100.0, 100.0) is None


def test_a_name_that_is_shifted_is_led_to() -> None:
    box = Box(108, 120, 140, 133)
    assert leader(box, 100.0, 100.0) == (107, 126.5)


def test_an_interval_is_not_crossed_where_another_place_is_near() -> None:
    bars = [Box(119, 24, 121, 270)]
    [box] = places(["net"], [(100.0, 100.0)], bars, PLANE)
    assert box is not None
    assert not box.meets(bars[0])
