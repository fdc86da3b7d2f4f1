from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tests.contract.test_contract import plugin
from tests.data.clips import cut, write_video
from tests.test_registry import DATASET


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    root = tmp_path / "tiktok"
    for name, frames in (("dance/71", 30), ("dance/72", 8), ("run/73", 24)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(root / f"{name}.mp4", frames)
    shutil.copyfile(root / "dance" / "71.mp4", root / "run" / "71.mp4")
    (root / "run" / "74.mp4").touch()
    return root


def test_verify_lists_problems_and_exits_with_1(command, corpus: Path, tmp_path: Path) -> None:
    words = ("data", "verify", "tiktok_actions", f"data.root={corpus}", "--work-dir", tmp_path / "runs")
    done: Done = command(*words)
    assert done.code == 1
    assert "5 videos in" in done.out
    assert "the same bytes: 1\n    dance/71.mp4, run/71.mp4" in done.out
    assert "empty: 1\n    run/74.mp4" in done.out
    assert "shorter than 16 frames: 1\n    dance/72.mp4: 8" in done.out
    assert "3 of 5 videos have problems" in done.err
    listed = json.loads(command(*words, "--json", "--min-frames", 8).out)
    assert listed["duplicates"] == [["dance/71.mp4", "run/71.mp4"]]
    assert listed["short"] == {}


def test_verify_of_a_good_dataset(command, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a.mp4 0 -1\n")
    write_video(tmp_path / "a.mp4", 30)
    done = command("data", "verify", "videos", f"data.root={tmp_path}/list.txt", "--work-dir", tmp_path / "runs")
    assert done.code == 0
    assert "all can be decoded" in done.out


@pytest.mark.parametrize("name", ["a.avi", "b.mkv", "c.flv"])
def test_verify_names_what_ends_early_or_is_damaged(command, name: str, tmp_path: Path) -> None:
    root = tmp_path / "videos"
    root.mkdir()
    codec = "flv" if name == "c.flv" else "mpeg4"
    whole = write_video(root / f"whole-{name}", 60, codec)
    cut(whole, root / name, 0.6)
    words = ("data", "verify", "videos", f"data.root={root}", "--work-dir", tmp_path / "runs")
    done = command(*words)
    assert done.code == 0  # headers are wrong at times
    assert f"may be damaged (used up to there): 1\n    {name}: " in done.out
    assert list(json.loads(command(*words, "--json").out)["doubtful"]) == [name]


@pytest.mark.parametrize("name", ["folder", "csv"])
def test_any_layout_can_be_verified(command, name: str, tmp_path: Path) -> None:
    for number, side in enumerate(("train", "test")):
        (tmp_path / "root" / side / "wave").mkdir(parents=True)
        write_video(tmp_path / "root" / side / "wave" / "a.mp4", 20 + number)
    lines = ["path,label,split", "train/wave/a.mp4,wave,train", "test/wave/a.mp4,wave,test"]
    (tmp_path / "root" / "list.csv").write_text("\n".join(lines))
    root = tmp_path / "root" / ("list.csv" if name == "csv" else "")
    done = command("data", "verify", name, f"data.root={root}", "--work-dir", tmp_path / "runs")
    assert (done.code, done.err.count("error")) == (0, 0), done.err
    assert f"{name}: 2 videos in" in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("verify", "tiktok_action"), "Did you mean 'tiktok_actions'?"),
        (("verify", "tiktok_actions"), "Say data.root=DIR."),
        (("verify", "tiktok_actions", "data.rot=x"), "Did you mean 'data.root'?"),
        (("verify", "tiktok_actions", "data.root=/nowhere"), "there are no clips in /nowhere"),
        (("verify", "videos", "data.root=/", "runtime.workers=0"), "at least 1"),
    ],
)
def test_mistakes(command, words: tuple[str, ...], message: str) -> None:
    done = command("data", *words)
    assert done.code == 2
    assert message in done.err


def test_a_cards_argument_that_its_class_lacks_is_named(command, registry: Path, tmp_path: Path) -> None:
    (registry / "datasets").mkdir()
    card = 'name: mine\nsummary: s\ncomponent: CsvDataset\ngroup: none\narguments: {delimiter: ";"}\n'
    (registry / "datasets" / "mine.yaml").write_text(card)
    for words in (
        ("data", "verify", "mine"),
        ("run", "protocol=ucf101_ft", "dataset=mine", "weights=none", "--dry-run"),
    ):
        done = command(*words, f"data.root={tmp_path / 'list.csv'}")
        assert done.code == 2
        assert "unknown argument of CsvDataset, on the card mine, 'delimiter'.\nIt takes: none." in done.err


def test_a_layout_from_a_plugin_file_can_be_verified(command, tmp_path: Path) -> None:
    file = plugin(tmp_path, DATASET, "ours")
    file.with_suffix(".yaml").write_text("name: ours\nsummary: s\ncomponent: Ours\ngroup: none\n")
    for name in ("train/wave/a", "test/wave/b"):
        (tmp_path / "root" / name).parent.mkdir(parents=True)
        write_video(tmp_path / "root" / f"{name}.mp4", 20 if name.endswith("a") else 21)
    words = ("data", "verify", "ours", f"data.root={tmp_path / 'root'}", "--work-dir", tmp_path / "runs")
    assert "unknown dataset 'ours'" in command(*words).err
    done = command(*words, "--plugin", file)
    assert (done.code, "ours: 2 videos in" in done.out) == (0, True)


def test_prepare_without_pyscenedetect_says_how_to_get_it(command, corpus: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "scenedetect", None)
    done = command("data", "prepare", "tiktok_actions", f"data.root={corpus}", "--into", tmp_path / "into")
    assert done.code == 2
    assert "pip install 'tta-bench[scenes]'" in done.err
    assert not (tmp_path / "into").exists()


def test_prepare_keeps_a_data_root(command, corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("scenedetect", reason="the extra `scenes` is not installed")
    (corpus / "run" / "71.mp4").unlink()
    words = ("data", "prepare", "tiktok_actions", f"data.root={corpus}", "--into", tmp_path / "into")
    done = command(*words)
    assert done.code == 1
    assert "run/74.mp4" in done.out
    assert "3 of one scene copied, 0 done before" in done.out
    assert "0 of one scene copied, 3 done before" in command(*words).out
