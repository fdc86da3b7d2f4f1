from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.errors import UserError
from tta_bench.utils.tables import (
    bare,
    plain,
    read_cells,
    read_ids,
    read_numbers,
    read_rows,
    read_table,
    require_columns,
)


def write(folder: Path, text: str) -> Path:
    (folder / "table.csv").write_text(text, encoding="utf-8")
    return folder / "table.csv"


def test_columns_are_found_by_name_and_rows_know_their_lines(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, '\ufeff File_ID , Empathic-Pain\n\n[1], "a, b"\n2,c\n'))
    assert table.columns == ("File_ID", "Empathic-Pain")
    assert table.column("empathic pain") == ["a, b", "c"]
    assert table.lines == (3, 4)
    assert read_ids(table, "file id") == ["1", "2"]
    with pytest.raises(UserError, match=r"has no column Fear"):
        table.column("Fear")


def test_lines_may_leave_out_optional_columns_at_their_end_only(tmp_path: Path) -> None:
    text = "path,label,group\na,x,g\nb,y\n"
    assert read_cells(write(tmp_path, text), optional=["group"])[1] == {2: ["a", "x", "g"], 3: ["b", "y", ""]}
    for optional in ([], ["label"]):
        with pytest.raises(UserError, match=r"3 columns, and 1 lines of another length: line 3"):
            read_cells(write(tmp_path, text), optional=optional)


def test_rows_have_required_and_optional_columns_and_no_others(tmp_path: Path) -> None:
    file = write(tmp_path, "note,Label,path\nn,x,a\n,y,b\n")
    rows = read_rows(file, ("path", "label"), ("group",), "the form")
    assert rows == {2: {"path": "a", "label": "x", "group": ""}, 3: {"path": "b", "label": "y", "group": ""}}
    with pytest.raises(UserError, match=r"lacks note in 1 lines: line 3") as caught:
        read_rows(file, ("note",), (), "the form")
    assert caught.value.hint == "the form"
    with pytest.raises(UserError, match=r"has no column split, id"):
        read_rows(file, ("split", "path", "id"), (), "the form")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: nothing is in it"),
        ("a,b\n\n", "is empty: only its first line is there"),
        ("a,A\n1,2\n", "1 columns more than once: a"),
        ("a,b\n1,2,3\n", "1 lines of another length: line 2"),
        ("a,b\n" + "x" * 131_073 + ",1\n", "cannot be read as CSV: field larger than field limit"),
        ("y" * 200_000 + ",b\n1,2\n", "cannot be read as CSV: field larger than field limit"),
    ],
)
def test_a_table_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_table(write(tmp_path, text))


def test_a_file_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "bytes.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(UserError, match=r"bytes\.csv cannot be read as text: line 2 has a byte 0xff"):
        read_table(tmp_path / "bytes.csv")
    with pytest.raises(UserError, match=r"the file .*gone\.csv does not exist"):
        read_table(tmp_path / "gone.csv")


def test_unknown_and_missing_columns_are_named_together(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "id,Fear,mood\n1,0,0\n"))
    require_columns(table, ("id", "fear"), ("mood",))
    with pytest.raises(UserError, match=r"1 columns are missing: Joy; 1 columns are unknown: mood"):
        require_columns(table, ("id", "fear", "Joy"))


def test_numbers_are_fractions_and_rows_may_be_empty_as_a_whole(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "id,a,b\n1,0.5,1\n2,,nan\n"))
    assert read_numbers(table, ["1", "2"], ["b", "a"], ["2"]) == {"1": (1.0, 0.5), "2": None}
    with pytest.raises(UserError, match=r"empty or NaN values in 1 rows that need all: 2"):
        read_numbers(table, ["1", "2"], ["a", "b"])
    with pytest.raises(UserError, match=r"values outside 0 to 1 in 1 rows: 1 \(2\)"):
        read_numbers(read_table(write(tmp_path, "id,a\n1,2\n")), ["1"], ["a"])
    with pytest.raises(UserError, match=r"no numbers in 1 rows: 1 \('x'\)"):
        read_numbers(read_table(write(tmp_path, "id,a\n1,x\n")), ["1"], ["a"])


@given(st.text())
def test_plain_names_and_bare_ids_are_idempotent(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    assert bare(f" [{bare(text)}] ") in (bare(text), bare(bare(text)))
