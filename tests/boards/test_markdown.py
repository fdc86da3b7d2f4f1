from __future__ import annotations

import pytest

from tta_bench.boards.markdown import Links, figure, heading, signed, table, text


@pytest.mark.parametrize(
    "words", ["<script>", "a | b", "`code`", "[x](http://a)", "**b**", "<!-- END GENERATED -->", "a\n\n# b"]
)
def test_free_text_is_no_markup(words: str) -> None:
    plain = text(words)
    assert "\n" not in plain
    for mark in "<>|`*[]":
        assert plain.count(mark) == plain.count(f"\\{mark}")


def test_numbers() -> None:
    assert figure("top1", 0.912345) == "91.23"
    assert figure("top1_reversed", 1.0) == "100.00"
    assert figure("pearson", -0.45678) == "-0.4568"
    assert figure("pearson", -0.00001) == "0.0000"
    assert figure("top1", None) == "-"
    assert [signed("top1", value) for value in (0.01, 0.0, -1e-9, -0.01)] == ["+1.00", "0.00", "0.00", "-1.00"]
    assert [heading(name) for name in ("top1", "mean_class", "pearson")] == ["top-1 %", "mean class %", "mean r"]


def test_links_are_numbered_once() -> None:
    links = Links()
    assert [links.to("a b", "x"), links.to("c", "y"), links.to("a b", "z")] == ["[x][1]", "[y][2]", "[z][1]"]
    assert links.definitions() == "[1]: a%20b\n[2]: c"


def test_columns_without_content_are_left_out() -> None:
    columns = [("a", "left"), ("b", "left"), ("c", "right")]
    assert table(columns, [("1", "-", "1.10"), ("2", "", "-")]).splitlines() == [
        "| a   |    c |",
        "|:----|-----:|",
        "| 1   | 1.10 |",
        "| 2   |    - |",
    ]
