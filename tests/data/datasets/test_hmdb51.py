from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.data.clips import link, write_video
from tta_bench.data.datasets.hmdb51 import HMDB51, LISTS, film_title
from tta_bench.data.datasets.layout import Sample, Split
from tta_bench.errors import UserError
from tta_bench.registry import DATASETS


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.avi", frames=4)


@pytest.fixture(scope="module")
def official(shared: Path, clip: Path) -> Path:
    """All 6,766 names of the official lists, one small clip behind them."""
    root = clip.parent / "official"
    shutil.copytree(shared / "hmdb51" / LISTS, root / LISTS)
    for file in (root / LISTS).glob("*_test_split1.txt"):
        folder = root / file.name.removesuffix("_test_split1.txt")
        link(clip, [folder / line.split()[0] for line in file.read_text().splitlines()])
    return root


NAMES = {"run": "Film_[1]_run_f_cm_np1_ba_goo", "sit": "Film_[1]_sit_u_nm_np10_le_med"}


@pytest.fixture
def small(tmp_path: Path, clip: Path) -> Path:
    """Two classes with three clips each, trained on, tested on and unused; two splits that take turns."""
    root = tmp_path / "small"
    (root / LISTS).mkdir(parents=True)
    for name, stem in NAMES.items():
        for number, flags in ((1, "120"), (2, "012")):
            lines = [f"{stem}_{k}.avi {flag} " for k, flag in enumerate(flags)]
            (root / LISTS / f"{name}_test_split{number}.txt").write_text("\n".join(lines))
        link(clip, [root / name / f"{stem}_{k}.avi" for k in range(3)])
    return root


def leaked(split: Split) -> int:
    seen = {sample.group for sample in split.train}
    return sum(sample.group in seen for sample in split.test)


def test_official_lists(official: Path) -> None:
    assert len(list((official / LISTS).iterdir())) == 153
    dataset = HMDB51(official)
    assert dataset.splits == (1, 2, 3)
    assert len(dataset.classes) == 51
    assert list(dataset.classes) == sorted(path.name for path in official.iterdir() if path.name != LISTS)
    for number in dataset.splits:
        split = dataset.split(number)
        assert (len(split.train), len(split.test)) == (3570, 1530)
        assert set(Counter(sample.label for sample in split.test).values()) == {30}
        for sample in (*split.train, *split.test):
            assert sample.path == official / dataset.classes[sample.label] / f"{sample.id}.avi"
            assert sample.path.is_file()
    assert [leaked(dataset.split(number)) for number in dataset.splits] == [457, 527, 529]
    titles = "".join(sample.group for number in dataset.splits for sample in dataset.split(number).train)
    assert all(sign in titles for sign in "!#&()+;@[]~")


def test_small_layout(small: Path) -> None:
    dataset = HMDB51(small)
    assert (dataset.classes, dataset.splits) == (("run", "sit"), (1, 2))
    run, sit = dataset.split(1).test
    assert run == Sample(f"{NAMES['run']}_1", small / "run" / f"{NAMES['run']}_1.avi", 0, "Film_[1]")
    assert (sit.id, sit.label, sit.group) == (f"{NAMES['sit']}_1", 1, "Film_[1]")
    assert [sample.id[-1] for sample in dataset.split(1).train] == ["0", "0"]
    assert [sample.id[-1] for sample in dataset.split(2).train] == ["1", "1"]
    assert [sample.id[-1] for sample in dataset.split(2).test] == ["2", "2"]


def test_a_title_may_contain_its_class() -> None:
    assert film_title("Best_laugh_ever_laugh_h_cm_np1_fr_goo_0.avi", "laugh") == "Best_laugh_ever"
    with pytest.raises(UserError, match="has no '_laugh_'"):
        film_title("Best_ever_0.avi", "laugh")


def test_clips_are_found_elsewhere_by_stem(small: Path) -> None:
    before = HMDB51(small).split(1)
    for name in NAMES:
        for path in (small / name).iterdir():
            (small / "deep" / "er").mkdir(parents=True, exist_ok=True)
            path.rename(small / "deep" / "er" / f"{path.stem}.MP4")
        (small / name).rmdir()
    after = HMDB51(small).split(1)
    assert [(s.id, s.label, s.group) for s in after.test] == [(s.id, s.label, s.group) for s in before.test]
    assert all(sample.path.parent.name == "er" for sample in (*after.train, *after.test))


def test_a_folder_of_frames_stands_for_a_clip(small: Path) -> None:
    path = small / "run" / f"{NAMES['run']}_0.avi"
    path.unlink()
    path.with_suffix("").mkdir()
    (path.with_suffix("") / "00001.jpg").touch()
    assert HMDB51(small).split(1).train[0].path == path.with_suffix("")


def test_an_unused_clip_may_be_missing(small: Path) -> None:
    for number in (1, 2):
        file = small / LISTS / f"run_test_split{number}.txt"
        file.write_text(file.read_text() + f"\n{NAMES['run']}_9.avi 0")
    assert len(HMDB51(small).split(1).train) == 2


def test_lists_and_folders_that_differ_are_said_both_ways(small: Path) -> None:
    (small / "run").rename(small / "running")
    for path in list((small / "running").iterdir()):
        path.rename(path.with_name(path.name.replace("_run_", "_running_")))
    (small / "sit" / f"{NAMES['sit']}_1.avi").unlink()
    (small / LISTS / "sit_test_split2.txt").unlink()
    with pytest.raises(UserError) as caught:
        HMDB51(small)
    assert caught.value.exit_code == 2
    for line in (
        "1 list files are missing: sit_test_split2.txt",
        "1 classes have lists and no folder: run",
        f"4 listed clips are in no folder: run/{NAMES['run']}_0.avi, ",
        "1 folders have clips and no lists: running",
        "3 clips in the folders are in no list: running/Film_[1]_running_f_cm_np1_ba_goo_0.avi, ",
    ):
        assert f"\n  {line}" in caught.value.message
    assert "testTrainMulti_7030_splits" in caught.value.hint


def test_a_clip_that_no_list_names_is_said(small: Path, clip: Path) -> None:
    link(clip, [small / "sit" / "new_sit_f_cm_np1_ba_goo_0.avi"])
    (note,) = HMDB51(small).notes
    assert note.startswith("1 clips in the folders are in no list: sit/new_sit")


def test_a_clip_that_was_renamed_or_is_named_again_is_told_and_the_rest_is_used(small: Path) -> None:
    one = small / "sit" / f"{NAMES['sit']}_1.avi"
    one.rename(one.with_stem(f"{one.stem}_copy"))
    file = small / LISTS / "run_test_split1.txt"
    file.write_text(file.read_text() + f"\n{NAMES['run']}_0.avi 2")
    dataset = HMDB51(small)
    lost, strays, again = dataset.notes
    assert lost == f"1 listed clips are in no folder: sit/{NAMES['sit']}_1.avi"
    assert strays.startswith("1 clips in the folders are in no list: sit/")
    assert again.endswith(f"named again, and are taken once: {NAMES['run']}_0")
    split = dataset.split(1)
    assert f"{NAMES['run']}_0" in {sample.id for sample in split.test} - {sample.id for sample in split.train}
    assert {sample.id for few in split.lost.values() for sample in few} == {f"{NAMES['sit']}_1"}


@pytest.mark.parametrize("line", ["x.avi 3", "x.avi"])
def test_lists_that_make_no_sense(small: Path, line: str) -> None:
    file = small / LISTS / "run_test_split1.txt"
    file.write_text(file.read_text() + f"\n{line}\n")
    with pytest.raises(UserError, match=r"run_test_split1\.txt: line 4 must be a clip and 0, 1 or 2"):
        HMDB51(small)


def test_no_root_and_no_lists(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere does not exist"):
        HMDB51(tmp_path / "nowhere")
    with pytest.raises(UserError, match="there are no lists"):
        HMDB51(tmp_path)


def test_it_is_registered() -> None:
    assert DATASETS.get("HMDB51") is HMDB51
