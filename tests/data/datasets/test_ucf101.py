from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.data.clips import link, write_video
from tta_bench.data.datasets.layout import Layout, Sample
from tta_bench.data.datasets.ucf101 import UCF101
from tta_bench.errors import UserError
from tta_bench.registry import DATASETS

OFFICIAL = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.avi", frames=4)


@pytest.fixture(scope="module")
def official(shared: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 13,320 names of the official lists, one small clip behind them."""
    root = clip.parent / "official"
    shutil.copytree(shared / "ucf101" / "ucfTrainTestlist", root / "ucfTrainTestlist")
    lists = [root / "ucfTrainTestlist" / name for name in ("trainlist01.txt", "testlist01.txt")]
    link(clip, (root / "UCF-101" / line.split()[0] for file in lists for line in file.read_text().splitlines()))
    return root


@pytest.fixture
def small(tmp_path: Path, clip: Path) -> Path:
    """Two classes, one with UCF101's odd spelling, each with a training and a test clip."""
    root = tmp_path / "small"
    lists = root / "ucfTrainTestlist"
    lists.mkdir(parents=True)
    push, archery = "HandstandPushups/v_HandStandPushups", "Archery/v_Archery"
    (lists / "classInd.txt").write_bytes(b"1 Archery\r\n2 HandstandPushups\r\n")
    (lists / "trainlist01.txt").write_text(f"{archery}_g02_c01.avi 1\r\n{push}_g02_c01.avi 2\r\n", newline="")
    (lists / "testlist01.txt").write_text(f"{archery}_g01_c01.avi\r\n{push}_g01_c01.avi\r\n", newline="")
    link(clip, (root / "UCF-101" / f"{name}_g0{group}_c01.avi" for name in (push, archery) for group in (1, 2)))
    return root


def groups(samples: Iterable[Sample]) -> set[str]:
    return {sample.group for sample in samples}


def paths(layout: Layout) -> list[Path]:
    split = layout.split(1)
    return [sample.path for sample in (*split.train, *split.test)]


def test_official_lists(official: Path) -> None:
    dataset = UCF101(official)
    assert dataset.splits == (1, 2, 3)
    assert len(dataset.classes) == 101
    assert {n: (len(dataset.split(n).train), len(dataset.split(n).test)) for n in dataset.splits} == OFFICIAL
    for number in dataset.splits:
        split = dataset.split(number)
        both = (*split.train, *split.test)
        assert len({sample.id for sample in both}) == 13320
        assert {group[-3:] for group in groups(both)} == {f"g{n:02d}" for n in range(1, 26)}
        assert not groups(split.train) & groups(split.test)
        assert all(dataset.classes[sample.label] == sample.path.parent.name for sample in both)
    assert all(sample.path.is_file() for sample in both)


def test_official_handstand_pushups(official: Path) -> None:
    dataset = UCF101(official)
    sample = next(sample for sample in dataset.split(1).test if "Pushups" in sample.id)
    assert sample.id == "v_HandStandPushups_g01_c01"
    assert sample.group == "HandstandPushups_g01"
    assert dataset.classes[sample.label] == "HandstandPushups"


def test_small_layout(small: Path) -> None:
    dataset = UCF101(small)
    assert dataset.splits == (1,)
    assert dataset.classes == ("Archery", "HandstandPushups")
    archery, push = dataset.split(1).test
    assert archery == Sample("v_Archery_g01_c01", small / "UCF-101/Archery/v_Archery_g01_c01.avi", 0, "Archery_g01")
    assert (push.id, push.label, push.group) == ("v_HandStandPushups_g01_c01", 1, "HandstandPushups_g01")


def test_another_split_does_not_exist(small: Path) -> None:
    with pytest.raises(UserError, match=r"unknown split '4'\.\nKnown: 1\."):
        UCF101(small).split(4)


def test_clips_are_found_elsewhere_by_stem(small: Path) -> None:
    before = UCF101(small).split(1)
    (small / "elsewhere" / "deeper").mkdir(parents=True)
    shutil.move(small / "UCF-101", small / "elsewhere" / "deeper" / "all")
    for path in list((small / "elsewhere").rglob("*.avi")):
        path.rename(path.with_name(path.stem.replace("HandStand", "Handstand") + ".MP4"))
    after = UCF101(small).split(1)
    assert [s.id for s in after.train] == [s.id for s in before.train]
    assert [s.id for s in after.test] == [s.id for s in before.test]
    assert all(path.suffix == ".MP4" and path.is_file() for path in paths(UCF101(small)))


def test_a_folder_of_frames_stands_for_a_clip(small: Path) -> None:
    path = small / "UCF-101" / "Archery" / "v_Archery_g01_c01.avi"
    path.unlink()
    frames = small / "frames" / path.stem
    frames.mkdir(parents=True)
    assert UCF101(small).notes == ("1 of 4 listed clips have no file: v_Archery_g01_c01",)
    (frames / "00001.jpg").touch()
    assert not UCF101(small).notes
    assert frames in paths(UCF101(small))


def test_of_two_places_for_one_clip_one_is_taken_and_both_are_named(small: Path, clip: Path) -> None:
    (small / "UCF-101" / "Archery" / "v_Archery_g01_c01.avi").unlink()
    link(clip, [small / "a" / "v_Archery_g01_c01.mp4", small / "b" / "v_Archery_g01_c01.avi"])
    (note,) = UCF101(small).notes
    assert "the same bytes" in note
    assert not UCF101(small).split(1).several
    (small / "b" / "v_Archery_g01_c01.avi").unlink()
    (small / "b" / "v_Archery_g01_c01.avi").write_bytes(b"another")
    dataset = UCF101(small)
    (note,) = dataset.notes
    assert "1 of 4 listed clips are at several places with different bytes" in note
    words = "a/v_Archery_g01_c01.mp4 (also b/v_Archery_g01_c01.avi)"
    assert words in note
    assert dataset.split(1).several == {"test": {"v_Archery_g01_c01": words}}


def test_a_listed_clip_wins_over_its_copies(small: Path, clip: Path) -> None:
    link(clip, [small / "copies" / "v_Archery_g01_c01.mp4"])
    assert small / "UCF-101/Archery/v_Archery_g01_c01.avi" in paths(UCF101(small))


def test_links_that_go_round_in_circles_end(small: Path) -> None:
    (small / "UCF-101" / "Archery" / "v_Archery_g01_c01.avi").unlink()
    (small / "UCF-101" / "again").symlink_to(small, target_is_directory=True)
    split = UCF101(small).split(1)
    assert [sample.id for sample in split.lost["test"]] == ["v_Archery_g01_c01"]
    assert [sample.id for sample in split.test] == ["v_HandStandPushups_g01_c01"]


@pytest.mark.parametrize("side", ["train", "test"])
def test_a_clip_that_is_named_again_is_taken_once_and_never_trained_and_tested_on(small: Path, side: str) -> None:
    lists = small / "ucfTrainTestlist"
    file = lists / f"{side}list01.txt"
    file.write_text(file.read_text() + "Archery/v_Archery_g01_c01.avi\n")
    dataset = UCF101(small)
    split = dataset.split(1)
    assert (len(split.train), len(split.test)) == (2, 2)
    assert {name: [sample.id for sample in again] for name, again in split.again.items()} == {
        side: ["v_Archery_g01_c01"]
    }
    assert len(split.there(side)) == 3
    assert dataset.notes == ("1 of 4 listed clips are named again, and are taken once: v_Archery_g01_c01",)


def test_everything_missing_is_said_at_once(small: Path) -> None:
    shutil.rmtree(small / "UCF-101")
    (small / "ucfTrainTestlist" / "classInd.txt").unlink()
    (small / "ucfTrainTestlist" / "testlist01.txt").unlink()
    with pytest.raises(UserError) as caught:
        UCF101(small)
    text = str(caught.value)
    for part in ("UCF-101 is missing", "2 list files", "classInd.txt", "testlist01.txt", "2 of 2 listed clips", "├──"):
        assert part in text
    assert "v_Archery_g02_c01.avi" in text
    assert caught.value.exit_code == 2


def test_a_second_split_needs_both_lists(small: Path) -> None:
    lists = small / "ucfTrainTestlist"
    shutil.copy(lists / "trainlist01.txt", lists / "trainlist02.txt")
    with pytest.raises(UserError, match=r"1 list files are missing: .*testlist02\.txt"):
        UCF101(small)
    shutil.copy(lists / "testlist01.txt", lists / "testlist02.txt")
    assert UCF101(small).splits == (1, 2)


def test_a_missing_root_is_said_with_the_layout(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere does not exist") as caught:
        UCF101(tmp_path / "nowhere")
    assert "ucfTrainTestlist" in caught.value.hint


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("trainlist01.txt", "c01.avi 1", "c01.avi 2", "another label"),
        ("classInd.txt", "1 Archery", "1 Archer", r"no class 'Archery'(?s:.*)Did you mean 'Archer'"),
        ("classInd.txt", "2 Hand", "3 Hand", "line 2"),
        ("testlist01.txt", "g01", "g02", "0 clips to train on and 2 to test on: 2 entries .* name a clip again"),
    ],
)
def test_lists_that_make_no_sense(small: Path, file: str, old: str, new: str, message: str) -> None:
    path = small / "ucfTrainTestlist" / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        UCF101(small)


def test_names_without_a_group(small: Path, clip: Path) -> None:
    path = small / "ucfTrainTestlist" / "testlist01.txt"
    path.write_text("Archery/mine.avi\n")
    link(clip, [small / "UCF-101" / "Archery" / "mine.avi"])
    with pytest.raises(UserError, match=r"does not end in group and clip"):
        UCF101(small)


@pytest.mark.parametrize("name", ["UCF101", "FolderDataset", "CsvDataset"])
def test_layouts_are_registered(name: str) -> None:
    assert DATASETS.module_dict[name].__name__ == name
