from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.data.clips import link, write_video
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.datasets.own_videos import NO_GROUPS, CsvDataset, FolderDataset
from tta_bench.errors import UserError


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.avi", frames=4)


def test_folders(tmp_path: Path, clip: Path) -> None:
    names = ("train/wave/b.mp4", "train/wave/a.avi", "train/clap/c.mkv", "test/clap/c.avi")
    link(clip, [tmp_path / name for name in names])
    (tmp_path / "train" / "wave" / "notes.txt").write_text("no clip")
    (tmp_path / "test" / "wave" / "d").mkdir(parents=True)
    with pytest.raises(UserError, match="no clips in test/wave"):
        FolderDataset(tmp_path)
    (tmp_path / "test" / "wave" / "d" / "0.png").touch()
    dataset = FolderDataset(tmp_path)
    assert (dataset.classes, dataset.splits) == (("clap", "wave"), (1,))
    split = dataset.split(1)
    assert [(s.id, s.label, s.group) for s in split.train] == [
        ("train/clap/c.mkv", 0, "c"),
        ("train/wave/a.avi", 1, "a"),
        ("train/wave/b.mp4", 1, "b"),
    ]
    assert [s.id for s in split.test] == ["test/clap/c.avi", "test/wave/d"]


@pytest.mark.parametrize(
    ("made", "said"), [([], "train, test"), (["train/wave"], "test"), (["train", "test"], "train, test")]
)
def test_folders_missing(tmp_path: Path, made: list[str], said: str) -> None:
    for name in made:
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(UserError, match=f"no clips in {said}") as caught:
        FolderDataset(tmp_path)
    assert "<class>" in caught.value.hint


def write_csv(folder: Path, text: str, clip: Path, names: Iterable[str] = ("a.avi", "x/b.avi", "c.avi")) -> Path:
    link(clip, (folder / name for name in names))
    file = folder / "mine.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_csv_with_names_and_groups(tmp_path: Path, clip: Path) -> None:
    text = "\ufeffgroup,split,path,label\nfilm,train,a.avi,wave\nfilm,train,x/b.avi,clap\n,test,c.avi,wave\n"
    dataset = CsvDataset(write_csv(tmp_path, text, clip))
    assert dataset.classes == ("clap", "wave")
    split = dataset.split(1)
    assert split.train == (
        Sample("a.avi", tmp_path / "a.avi", 1, "film"),
        Sample("x/b.avi", tmp_path / "x" / "b.avi", 0, "film"),
    )
    assert split.test == (Sample("c.avi", tmp_path / "c.avi", 1, "c.avi"),)


def test_csv_with_numbers(tmp_path: Path, clip: Path) -> None:
    dataset = CsvDataset(write_csv(tmp_path, "path,label,split\na.avi,10,train\nx/b.avi,9,train\nc.avi,9,test\n", clip))
    assert dataset.classes == ("9", "10")
    assert [s.label for s in dataset.split(1).train] == [1, 0]


def test_csv_ids_do_not_depend_on_where_the_data_is(tmp_path: Path, clip: Path) -> None:
    for folder in (tmp_path / "here", tmp_path / "there"):
        text = f"path,label,split\n{folder / 'a.avi'},0,train\nx/../c.avi,0,test\n"
        split = CsvDataset(write_csv(folder, text, clip)).split(1)
        assert [sample.id for sample in (*split.train, *split.test)] == ["a.avi", "c.avi"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,klasse,split\na.avi,0,train\n", "no column label; .*'klasse'"),
        ("path,label,split\na.avi,0,train\nc.avi,0,spare\n", "'spare' in line 3"),
        ("path,label,split\na.avi,0,train\nc.avi\n", "line 3"),
        ("path,label,split\na.avi,0,train\nno.avi,0,test\nnone.avi,0,test\n", "0 to test on: 2 entries .* no file"),
        ("path,label,split\no.avi,0,train\nno.avi,0,test\n", "all 2 clips .* o.avi, no.avi"),
        ("path,label,split\na.avi,0,train\nc.avi,1,test\n", "train on for 1"),
        ("path,label,split\na.avi,0,train\n", "1 clip to train on and 0 to test on"),
        ("path,label,split\na.avi,0,train\na.avi,0,test\n", "more than once: a.avi"),
        ("", "is empty: nothing is in it"),
    ],
)
def test_csv_that_makes_no_sense(tmp_path: Path, clip: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        CsvDataset(write_csv(tmp_path, text, clip))


def test_csv_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(f"{tmp_path / 'mine.csv'} does not exist")):
        CsvDataset(tmp_path / "mine.csv")


def test_a_name_in_several_classes_or_a_number_is_no_source(tmp_path: Path) -> None:
    names = ("train/a/take1.mp4", "train/b/take1.mp4", "test/a/take1.mp4", "test/b/x.mp4", "train/b/x.mp4")
    for name in (*names, "train/a/7.mp4", "test/a/7.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    split = FolderDataset(tmp_path).split(1)
    groups = {sample.id: sample.group for sample in (*split.train, *split.test)}
    assert {id: group for id, group in groups.items() if group != id} == {"test/b/x.mp4": "x", "train/b/x.mp4": "x"}


@pytest.mark.parametrize(("train", "test"), [("train", "val"), ("Training", "validation"), ("TRAIN", "Test")])
def test_sides_have_several_names_and_junk_is_no_class(tmp_path: Path, train: str, test: str) -> None:
    for side, number in itertools.product((train, test), range(2)):
        for name in (
            f"a/{side}{number}.MTS",
            "@eaDir/x/y.jpg",
            "__MACOSX/._a.mp4",
            "lost+found/z.mp4",
            "a/@eaDir/1.jpg",
        ):
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / name).touch()
    dataset = FolderDataset(tmp_path)
    assert dataset.classes == ("a",)
    assert len(dataset.videos()) == 4
    assert (dataset.notes[0] == "there is no test side, so val is tested on") == (test != "Test")
    assert dataset.notes[-1] == NO_GROUPS


def test_what_is_there_instead_is_said(tmp_path: Path) -> None:
    for name in ("train/a/1.xyz", "train/a/2.xyz", "test/a/1.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"no clips in train/a .*1\.xyz, 2\.xyz; files of unknown suffixes: 2 of \.xyz"):
        FolderDataset(tmp_path)
    with pytest.raises(UserError, match=r"holds a/") as caught:
        FolderDataset(tmp_path / "train")
    assert "The folder above" in caught.value.hint


@pytest.mark.parametrize(
    ("lines", "lost"),
    [
        (["a.avi,0,train", "no.avi,0,train", "c.avi,0,test"], {"train": ["no.avi"]}),
        (["a.avi,0,train", "no.avi,1,train", "c.avi,0,test", "none.avi,1,val"], {"train": ["no.avi"]}),
        (["a.avi,0,train", "c.avi,0,val", "none.avi,0,val"], {"test": ["none.avi"]}),
    ],
)
def test_a_list_is_used_without_the_clips_that_have_no_file(
    tmp_path: Path, clip: Path, lines: list[str], lost: dict[str, list[str]]
) -> None:
    dataset = CsvDataset(write_csv(tmp_path, "\n".join(["path,label,split", *lines]), clip))
    split = dataset.split(1)
    assert {side: [sample.id for sample in samples] for side, samples in split.lost.items()} == lost
    assert ([sample.id for sample in split.train], [sample.id for sample in split.test]) == (["a.avi"], ["c.avi"])
    gone = next(iter(lost.values()))[0]
    assert f"1 of 3 listed clips have no file: {gone}" in dataset.notes


TOO_LONG = ("x" * 5000, "a/" * 2500 + "b.mp4", "x" * 300 + ".mp4")
"""Paths that no machine can have."""


@pytest.mark.parametrize("name", TOO_LONG)
def test_a_path_that_is_too_long_is_a_clip_without_a_file(tmp_path: Path, clip: Path, name: str) -> None:
    file = write_csv(tmp_path, f"path,label,split\na.avi,0,train\nc.avi,0,test\n{name},0,test\n", clip)
    assert [sample.path.name for sample in CsvDataset(file).split(1).lost["test"]] == [Path(name).name]


@pytest.mark.parametrize("name", TOO_LONG)
def test_so_it_is_in_lists_without_a_header(tmp_path: Path, clip: Path, name: str) -> None:
    for line in (f"{name} 0", f"{name} 16 0"):
        for side, listed in (("train", f"a.avi 0\n{line}\n"), ("test", "c.avi 0\n")):
            (tmp_path / f"{side}.csv").write_text(listed)
        link(clip, (path for path in (tmp_path / "a.avi", tmp_path / "c.avi") if not path.exists()))
        assert len(CsvDataset(tmp_path).split(1).lost["train"]) == 1
