from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from pydantic import JsonValue

from tta_bench.boards.board import (
    NONE,
    Board,
    Cell,
    Column,
    Figure,
    Interval,
    Link,
    Links,
    Note,
    Number,
    Rank,
    Section,
    Source,
    Table,
    Text,
)


@pytest.mark.parametrize(
    ("cell", "words", "data"),
    [
        (Text("a\n<b>"), "a\n<b>", {"k": "a\n<b>"}),
        (Text(None), NONE, {"k": None}),
        (Number(1234, "1,234"), "1,234", {"k": 1234}),
        (Number(None), NONE, {"k": None}),
        (Figure("top1", 0.30651), "30.65", {"k": 0.30651}),
        (Figure("pearson", 0.30651), "0.3065", {"k": 0.30651}),
        (Interval("top1", 0.25, 0.5, ("†", "§")), "25.00 to 50.00 † §", {"low": 0.25, "high": 0.5}),
        (Interval("top1", None, None), NONE, {"low": None, "high": None}),
        (Rank(2, 4), "2 to 4", {"k": 2, "k_lowest": 4}),
        (Rank(None), NONE, {"k": None, "k_lowest": None}),
        (Links((Link("1/0", "a.json"), Link("1/1", "b.json"))), "1/0 1/1", {"k": "a.json b.json"}),
        (Links(()), NONE, {"k": None}),
        (Source("a paper", "https://doi.org/1"), "a paper", {"k": "a paper", "k_link": "https://doi.org/1"}),
    ],
)
def test_a_cell_has_words_for_a_reader_and_data_for_a_program(
    cell: Cell, words: str, data: dict[str, JsonValue]
) -> None:
    assert (cell.words, cell.data("k")) == (words, data)


def test_columns_that_are_used_and_tables_that_are_ranked() -> None:
    columns = (Column("a", "a"), Column("b", "b"))
    table = Table(columns, ((Text("1"), Text(None)), (Text("2"), Text(None))))
    more = Table(columns, table.rows, continues=True)
    sections = (Section("measured", "M", (table, Note("n"), more)), Section("controls", "C", (table,)))
    board = Board("p", "full", "t", PurePosixPath("p.md"), sections=sections)
    assert table.used() == [0]
    assert [section.key for section, _ in board.tables()] == ["measured", "measured", "controls"]
    assert list(board.ranked()) == [table]
