from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tests.boards.test_escape import HOSTILE
from tta_bench.boards.board import Board, Column, Link, Links, Note, Section, Source, Table, Text
from tta_bench.boards.markdown import BEGIN, END, Numbered, as_markdown, between_markers, figure, heading, signed, table

COLUMNS = (Column("a", "a"), Column("b", "b"), Column("c", "c", right=True))


def cells(*words: str) -> tuple[Text, ...]:
    return tuple(Text(word) for word in words)


def page(*parts: Table | Note, title: str = "t") -> str:
    section = Section("s", "Section", parts)
    return as_markdown(Board("p", "full", title, PurePosixPath("p.md"), sections=(section,)))


@pytest.mark.parametrize("words", HOSTILE)
def test_no_text_of_a_record_is_markup_wherever_it_stands(words: str) -> None:
    columns = (Column("a", words), Column("b", "b"))
    source = Source(words, "https://example.org/a")
    rows = ((Text(words), Links((Link(words, f"records/{words}"),))), (source, Text("x")))
    shown = page(Table(columns, rows, words), Note(words), title=words)
    assert shown.count("<!--") == 2
    for tag in ("<script", "<img", "<b>", "\x1b"):
        assert tag not in shown
    assert "](javascript" not in shown.replace("\\](", "")


def test_commands_in_a_note_stay_as_they_are() -> None:
    assert "Say `tta-bench verify A_B` or 1 &lt; 2." in page(Note("Say `tta-bench verify A_B` or 1 < 2."))
    assert "`" not in page(Note("a `<b>` c")).replace("\\`", "").replace("`tta-bench leaderboard`", "")


def test_numbers() -> None:
    assert figure("top1", 0.912345) == "91.23"
    assert figure("top1_reversed", 1.0) == "100.00"
    assert figure("pearson", -0.45678) == "-0.4568"
    assert figure("pearson", -0.00001) == "0.0000"
    assert figure("top1", None) == "-"
    assert [signed("top1", value) for value in (0.01, 0.0, -1e-9, -0.01)] == ["+1.00", "0.00", "0.00", "-1.00"]
    assert [heading(name) for name in ("top1", "mean_class", "pearson")] == ["top-1 %", "mean class %", "mean r"]


def test_links_are_numbered_once() -> None:
    links = Numbered()
    said = [links.to(Link(words, address)) for words, address in (("x", "a b"), ("y", "c"), ("z", "a b"))]
    assert said == ["[x][1]", "[y][2]", "[z][1]"]
    assert links.definitions() == "[1]: a%20b\n[2]: c"


def test_columns_without_content_are_left_out() -> None:
    shown = table(Table(COLUMNS, (cells("1", "-", "1.10"), cells("2", "", "-"))), Numbered())
    assert shown.splitlines() == ["| a   |    c |", "|:----|-----:|", "| 1   | 1.10 |", "| 2   |    - |"]


def test_a_folded_table_unfolds() -> None:
    shown = page(Table(COLUMNS, (cells("1", "2", "3"),), folded="older (1)"))
    assert "<details><summary>older (1)</summary>\n\n| a" in shown
    assert "|\n\n</details>" in shown


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    new = f"{BEGIN}\nnew\n{END}\n"
    assert between_markers(f"before\n{BEGIN}\nold\n{END}\nafter\n", new) == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert between_markers("my notes", new) is None
