from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tta_bench.data.datasets.class_lists import Listed, read_list, read_lists, same_labels
from tta_bench.data.datasets.own_videos import NO_GROUPS, CsvDataset
from tta_bench.errors import UserError

ROWS = [("a.mp4", "run", "train"), ("b c.mp4", "jump", "train"), ("d.mp4", "run", "test")]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("separator", "encoding", "end"), itertools.product(",;\t|", ["utf-8-sig", "utf-16"], ["\n", "\r\n", "\r"])
)
def test_tables_of_all_programs(tmp_path: Path, separator: str, encoding: str, end: str) -> None:
    lines = [("Path", "LABEL", "Split"), *((path, f" {label}\u00a0", side.title()) for path, label, side in ROWS)]
    text = end.join(separator.join(line) + separator for line in lines)
    (tmp_path / "list.csv").write_bytes(text.encode(encoding))
    assert [row[1:4] for row in read_list(tmp_path / "list.csv")] == ROWS


def test_other_names_of_columns_and_excels_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sep=;\nvideo;class;subset\na.mp4;run;training\nb.mp4;run;validation\n")
    assert read_list(tmp_path / "a.csv") == [
        Listed(3, "a.mp4", "run", "train", ""),
        Listed(4, "b.mp4", "run", "val", ""),
    ]


def test_a_folder_of_lists_without_header_as_videomae_has_them(tmp_path: Path) -> None:
    touch(tmp_path, "v/a b.mp4", "v/c.mp4", "v/d.mp4", "f/img_1.jpg", "f/img_2.jpg")
    (tmp_path / "train.csv").write_text("v/a b.mp4 0\nv/c.mp4 1\nf 2 1\n")
    (tmp_path / "val.csv").write_text("v/d.mp4 1\n")
    dataset = CsvDataset(tmp_path)
    assert [(s.id, s.label) for s in dataset.split(1).train] == [("v/a b.mp4", 0), ("v/c.mp4", 1), ("f", 1)]
    assert [s.id for s in dataset.split(1).test] == ["v/d.mp4"]
    assert dataset.notes == ("there is no test side, so val is tested on", NO_GROUPS)
    (tmp_path / "train.csv").write_text("v/c.mp4 1\nf 3 1\n")
    with pytest.raises(UserError, match="line 2 wants 3 frames of f, which has 2"):
        CsvDataset(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.mp4 0\nb.mp4 1\n", r"has no header.* its first line is 'a\.mp4 0'"),
        ("a.mp4,0\nb.mp4,1\n", r"has no header"),
        ("video_id;klasse\na;b\n", r"no column path, label, split; .*'video_id', 'klasse'"),
        ("path,label,split\na.mp4,run,train \nb.mp4,run,tset\n", r"in 1 lines: 'tset' in line 3"),
        ("path,label,split\na.mp4,run,train,more\n", r"3 columns, and 1 lines of another length: line 2"),
        ("path,label,split\na.mp4,run\n", r"lines of another length: line 2"),
        ("path,path,label,split\na,a,b,train\n", r"columns more than once: path"),
    ],
)
def test_what_is_wrong_is_shown(tmp_path: Path, text: str, said: str) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        read_list(tmp_path / "list.csv")


def test_a_folder_without_such_lists_is_said_to_be_one(tmp_path: Path) -> None:
    touch(tmp_path, "mine.csv", "yours.csv")
    with pytest.raises(UserError, match=r"is a folder.*mine\.csv, yours\.csv") as caught:
        read_lists(tmp_path)
    assert f"data.root={tmp_path / 'mine.csv'}" in caught.value.hint


def test_classes_are_numbers_or_names_and_written_in_one_way(tmp_path: Path) -> None:
    assert same_labels(["10", "9", "9"], tmp_path) == ["9", "10"]
    assert same_labels(["10.0", "2.0"], tmp_path) == ["2.0", "10.0"]
    assert same_labels(["run", "10"], tmp_path) == ["10", "run"]
    for labels in (["Run", "run", "run"], ["01", "1", "1"], ["high  jump", "high jump", "high jump"]):
        with pytest.raises(UserError, match=r"several ways: '.*' \(1 lines\) and '.*' \(2 lines\)"):
            same_labels(labels, tmp_path)


@pytest.mark.parametrize("prefix", ["/srv/none/", "C:\\data\\"])
def test_lists_of_another_machine(tmp_path: Path, prefix: str) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "list.csv").write_text(f"path,label,split\n{prefix}a.mp4,0,train\n{prefix}b.mp4,0,test\n")
    with pytest.raises(UserError, match="all 2 clips listed in .* are not there") as caught:
        CsvDataset(tmp_path / "list.csv")
    assert "perhaps of another machine" in caught.value.hint


def test_backslashes_and_letters_of_another_system(tmp_path: Path) -> None:
    touch(tmp_path, "sub/1.mp4", "cafe\u0301/2.mp4")
    (tmp_path / "list.csv").write_text("path,label,split\nsub\\1.mp4,0,train\ncaf\u00e9/2.mp4,0,test\n", "utf-8")
    split = CsvDataset(tmp_path / "list.csv").split(1)
    assert [sample.path.exists() for sample in (*split.train, *split.test)] == [True, True]
