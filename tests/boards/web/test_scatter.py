from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.boards.web.scatter import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Point, scatter

SVG = "{http://www.w3.org/2000/svg}"
costs = st.floats(1e-6, 1e9)
points = st.builds(Point, st.text(max_size=40), costs, st.floats(0, 1), st.none(), st.none())


def test_fewer_than_two_rows_with_a_cost_have_no_picture() -> None:
    assert scatter([], "top1", "hours") == ""
    assert scatter([Point("a", 1.0, 0.5, 0.4, 0.6), Point("b", 0.0, 0.5, 0.4, 0.6)], "top1", "hours") == ""


@given(st.lists(points, min_size=2, max_size=12))
def test_every_dot_lies_in_the_plane(drawn: list[Point]) -> None:
    root = ElementTree.fromstring(scatter(drawn, "top1", "hours"))
    circles = root.findall(f"{SVG}circle")
    assert len(circles) == len(drawn)
    for circle in circles:
        assert LEFT - 0.1 <= float(circle.get("cx", "-1")) <= RIGHT + 0.1
        assert TOP - 0.1 <= float(circle.get("cy", "-1")) <= BOTTOM + 0.1
    assert root.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"


def test_dearer_is_further_right_and_better_is_higher() -> None:
    root = ElementTree.fromstring(scatter([Point("a", 1, 0.2, 0.1, 0.3), Point("b", 50, 0.9, 0.8, 1)], "top1", "h"))
    left, right = root.findall(f"{SVG}circle")
    assert float(left.get("cx", "0")) < float(right.get("cx", "0"))
    assert float(left.get("cy", "0")) > float(right.get("cy", "0"))


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(svg).findall(f"{SVG}text")]


def test_all_names_of_like_rows_are_shown() -> None:
    like = [Point(f"net{n}", 10.0, 0.5, None, None) for n in range(8)]
    assert sorted(text for text in texts(scatter(like, "top1", "h")) if "net" in text) == [one.name for one in like]


def test_names_that_find_no_room_are_counted() -> None:
    like = [Point(f"a long name {n:02}", 10.0, 0.5, None, None) for n in range(70)]
    shown = texts(scatter(like, "top1", "h"))
    names = sum("a long name" in text for text in shown)
    assert 30 < names < 70
    assert f"without their names, for want of room: {70 - names}" in shown


@pytest.mark.parametrize("name", ["<script>x</script>", '" onload="x', "\x1b[31m"])
def test_no_name_is_markup(name: str) -> None:
    drawn = scatter([Point(name, 1, 0.2, 0.1, 0.3), Point("b", 50, 0.9, 0.8, 1)], "top1", "h")
    root = ElementTree.fromstring(drawn)
    assert not root.findall(f".//{SVG}script")
    assert "\x1b" not in drawn
